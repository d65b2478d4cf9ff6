"""Add the state of a report's delivery."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(sa.Column("Delivery", sa.String(), nullable=False, server_default="kept"))
        outbox.add_column(sa.Column("Reason", sa.String(), nullable=False, server_default=""))
        outbox.add_column(sa.Column("ClaimedAt", sa.DateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("outbox") as outbox:
        for column in ("Delivery", "Reason", "ClaimedAt"):
            outbox.drop_column(column)

"""Count the reports to one address: the address for comparison, and indexes for both counts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("RecipientKey", sa.String(), nullable=True))
    op.execute('UPDATE outbox SET "RecipientKey" = lower("Recipient")')
    op.create_index("ix_outbox_sender", "outbox", ["UserId", "CreatedAt"])
    op.create_index("ix_outbox_recipient", "outbox", ["RecipientKey", "CreatedAt"])


def downgrade() -> None:
    op.drop_index("ix_outbox_recipient", "outbox")
    op.drop_index("ix_outbox_sender", "outbox")
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_column("RecipientKey")

"""Which model wrote each step."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("steps") as steps:
        steps.add_column(sa.Column("model", sa.String(length=100), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("steps") as steps:
        steps.drop_column("model")

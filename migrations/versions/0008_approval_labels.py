"""The names of an approval's tool and arguments for people."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("approvals") as approvals:
        approvals.add_column(sa.Column("title", sa.Text(), nullable=True))
        approvals.add_column(sa.Column("labels", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("approvals") as approvals:
        approvals.drop_column("labels")
        approvals.drop_column("title")

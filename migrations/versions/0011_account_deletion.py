"""When an account is to be deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("delete_at", sa.DateTime(), nullable=True))
        users.create_index("ix_users_delete_at", ["delete_at"])


def downgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.drop_index("ix_users_delete_at")
        users.drop_column("delete_at")

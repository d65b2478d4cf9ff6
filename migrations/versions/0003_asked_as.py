"""Idempotency key of a question."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("asked_as", sa.String(length=32), nullable=True))
        runs.create_index("ix_runs_user_asked_as", ["user_id", "asked_as"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("runs") as runs:
        runs.drop_index("ix_runs_user_asked_as")
        runs.drop_column("asked_as")

"""Leases on runs, and whether a step is finished."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("worker", sa.String(length=80), nullable=True))
        runs.add_column(sa.Column("lease_until", sa.Double(), nullable=False, server_default="0"))
        runs.add_column(sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
        runs.add_column(sa.Column("takeovers", sa.Integer(), nullable=False, server_default="0"))
        runs.add_column(
            sa.Column("stop_asked", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("steps") as steps:
        # All steps so far belong to runs that have ended.
        steps.add_column(
            sa.Column("finished", sa.Boolean(), nullable=False, server_default=sa.true())
        )


def downgrade() -> None:
    with op.batch_alter_table("steps") as steps:
        steps.drop_column("finished")
    with op.batch_alter_table("runs") as runs:
        for name in ("stop_asked", "takeovers", "attempt", "lease_until", "worker"):
            runs.drop_column(name)

"""How people rate answers, and what models thought before they wrote."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("rating", sa.String(4), nullable=True))
    op.add_column("runs", sa.Column("rating_reason", sa.Text(), nullable=True))
    op.add_column("steps", sa.Column("thoughts", sa.Text(), nullable=True))
    op.add_column("steps", sa.Column("thought_seconds", sa.Double(), nullable=True))


def downgrade() -> None:
    for name in ("thought_seconds", "thoughts"):
        op.drop_column("steps", name)
    for name in ("rating_reason", "rating"):
        op.drop_column("runs", name)

"""Add notes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("Id", sa.Integer(), primary_key=True),
        sa.Column("Text", sa.String(), nullable=False),
    )

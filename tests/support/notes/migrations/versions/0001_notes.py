"""Add notes and letters."""

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
    op.create_table(
        "letters",
        sa.Column("Id", sa.Integer(), primary_key=True),
        sa.Column("UserId", sa.String(), nullable=False),
        sa.Column("Recipient", sa.String(), nullable=False),
        sa.Column("Text", sa.String(), nullable=False),
        sa.Column("CreatedAt", sa.DateTime(), nullable=False),
    )

"""Add a row for each interaction with a listing, in place of tables of ready-made figures."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables = sa.inspect(op.get_bind()).get_table_names()
    for old in ("listing_metrics", "market_areas"):
        if old in tables:
            op.drop_table(old)
    op.create_table(
        "interactions",
        sa.Column("Id", sa.Integer(), primary_key=True),
        sa.Column("ListingId", sa.String(40), nullable=False),
        sa.Column("Kind", sa.String(), nullable=False),
        sa.Column("VisitorId", sa.String(64), nullable=False),
        sa.Column("At", sa.DateTime(), nullable=False),
    )
    covering = ["ListingId", "Kind", "VisitorId", "At"]
    op.create_index("ix_interactions_listing", "interactions", covering)
    op.create_table(
        "exposures",
        sa.Column("ListingId", sa.String(40), primary_key=True),
        sa.Column("Day", sa.Date(), primary_key=True),
        sa.Column("Impressions", sa.Integer(), nullable=False),
    )

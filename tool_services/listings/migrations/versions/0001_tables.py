"""Add searchable listings, the history of their markets, and the outbox.

Databases older than these migrations already have listings and an outbox. Both are kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SEARCHED = (
    *("StreetAddress", "City", "StateOrProvince", "PostalCode"),
    *("PropertyType", "PublicRemarks"),
)
INDEXES = {
    "city": ("CityKey", "ListPrice", "ListingId"),
    "city_newest": ("CityKey", "OnMarketDate", "ListingId"),
    "state": ("StateOrProvince", "ListPrice", "ListingId"),
    "price": ("ListPrice", "ListingId"),
    "newest": ("OnMarketDate", "ListingId"),
}


def upgrade() -> None:
    tables = sa.inspect(op.get_bind()).get_table_names()
    if "listings" in tables:
        op.rename_table("listings", "listings_before")
        op.execute('DROP INDEX IF EXISTS "ix_listings_ListPrice"')
    _create_listings()
    if "listings" in tables:
        _copy_old_listings()
    _add_word_index()
    _create_history()
    if "outbox" not in tables:
        _create_outbox()


def _create_listings() -> None:
    op.create_table(
        "listings",
        sa.Column("Key", sa.Integer(), primary_key=True),
        sa.Column("ListingId", sa.String(40), nullable=False, unique=True),
        sa.Column("StreetAddress", sa.String(), nullable=False),
        sa.Column("City", sa.String(), nullable=False),
        sa.Column("CityKey", sa.String(), nullable=False),
        sa.Column("StateOrProvince", sa.String(), nullable=False),
        sa.Column("PostalCode", sa.String(), nullable=False),
        sa.Column("ListPrice", sa.BigInteger(), nullable=False),
        sa.Column("BedroomsTotal", sa.Integer(), nullable=False),
        sa.Column("BathroomsTotal", sa.Float(), nullable=False),
        sa.Column("StandardStatus", sa.String(), nullable=False),
        sa.Column("PropertyType", sa.String(), nullable=False),
        sa.Column("PublicRemarks", sa.Text(), nullable=False),
        sa.Column("OnMarketDate", sa.Date(), nullable=False),
    )
    # The indexes contain all conditions of a search, so that rows are read only for the results.
    conditions = ["BedroomsTotal", "BathroomsTotal", "StandardStatus", "PropertyType"]
    conditions += ["CityKey", "StateOrProvince", "ListPrice"]
    for name, columns in INDEXES.items():
        covered = [column for column in conditions if column not in columns]
        op.create_index(f"ix_listings_{name}", "listings", [*columns, *covered])


def _copy_old_listings() -> None:
    kept = (
        '"ListingId", "StreetAddress", "City", "StateOrProvince", "PostalCode", "ListPrice",'
        ' "BedroomsTotal", "BathroomsTotal", "StandardStatus"'
    )
    op.execute(
        f'INSERT INTO listings ({kept}, "CityKey", "PropertyType", "PublicRemarks",'  # noqa: S608
        f" \"OnMarketDate\") SELECT {kept}, lower(\"City\"), 'House', '', CURRENT_DATE"
        " FROM listings_before"
    )
    op.drop_table("listings_before")


def _add_word_index() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _add_word_index_on_sqlite()
        return
    words = " || ' ' || ".join(f'"{column}"' for column in SEARCHED)
    # The whole names of the places as well, so that a search in one city reads little of the index.
    places = "ARRAY['city:' || \"CityKey\", 'state:' || \"StateOrProvince\"]"
    op.execute(
        'ALTER TABLE listings ADD COLUMN "Words" tsvector GENERATED ALWAYS AS'
        f" (to_tsvector('english', {words}) || array_to_tsvector({places})) STORED"
    )
    op.execute('CREATE INDEX ix_listings_words ON listings USING gin ("Words")')


def _add_word_index_on_sqlite() -> None:
    columns = ", ".join(f'"{column}"' for column in SEARCHED)
    old, new = (", ".join(f'{row}."{c}"' for c in SEARCHED) for row in ("old", "new"))
    remove = (
        f"INSERT INTO listing_words(listing_words, rowid, {columns})"  # noqa: S608
        f" VALUES ('delete', old.\"Key\", {old});"
    )
    add = f'INSERT INTO listing_words(rowid, {columns}) VALUES (new."Key", {new});'  # noqa: S608
    op.execute(
        f"CREATE VIRTUAL TABLE listing_words USING fts5({columns}, content='listings',"
        " content_rowid='Key', tokenize='porter unicode61')"
    )
    on = "listings BEGIN"
    changed = ", ".join(f'"{column}"' for column in SEARCHED)
    op.execute(f"CREATE TRIGGER listing_added AFTER INSERT ON {on} {add} END")
    op.execute(f"CREATE TRIGGER listing_removed AFTER DELETE ON {on} {remove} END")
    op.execute(
        f"CREATE TRIGGER listing_changed AFTER UPDATE OF {changed} ON {on} {remove} {add} END"
    )
    op.execute("INSERT INTO listing_words(listing_words) VALUES ('rebuild')")


def _create_history() -> None:
    op.create_table(
        "listing_history",
        sa.Column("ListingId", sa.String(40), primary_key=True),
        sa.Column("City", sa.String(), nullable=False),
        sa.Column("CityKey", sa.String(), nullable=False),
        sa.Column("StateOrProvince", sa.String(), nullable=False),
        sa.Column("ListPrice", sa.BigInteger(), nullable=False),
        sa.Column("StandardStatus", sa.String(), nullable=False),
        sa.Column("OnMarketDate", sa.Date(), nullable=False),
        sa.Column("DaysOnMarket", sa.Integer(), nullable=False),
    )
    covered = ["ListPrice", "StandardStatus", "DaysOnMarket"]
    columns = ["CityKey", "StateOrProvince", "OnMarketDate", *covered]
    op.create_index("ix_listing_history_area", "listing_history", columns)
    op.create_table(
        "areas",
        sa.Column("CityKey", sa.String(), primary_key=True),
        sa.Column("StateOrProvince", sa.String(), primary_key=True),
        sa.Column("City", sa.String(), nullable=False),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("Id", sa.Integer(), primary_key=True),
        sa.Column("UserId", sa.String(), nullable=False),
        sa.Column("IdempotencyKey", sa.String(), nullable=True),
        sa.Column("Recipient", sa.String(), nullable=False),
        sa.Column("ListingIds", sa.JSON(), nullable=False),
        sa.Column("Subject", sa.String(), nullable=False),
        sa.Column("Text", sa.String(), nullable=False),
        sa.Column("Html", sa.String(), nullable=False),
        sa.Column("CreatedAt", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("UserId", "IdempotencyKey"),
    )
    op.create_index("ix_outbox_UserId", "outbox", ["UserId"])

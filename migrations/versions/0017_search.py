"""Add an index for searching the titles of conversations and their finished messages.

Triggers keep it in step, whoever writes: the messages of an answer are stored when it has ended, so
nothing is indexed while it is written. The tables are not among the models. No statement but those
of app/conversations/search.py reads them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LONGEST = 100_000
"""Characters of a message that are indexed. PostgreSQL takes a megabyte of words at most."""


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    key = sa.Integer() if is_sqlite else sa.BigInteger()
    op.create_table(
        "search_texts",
        sa.Column("id", key, primary_key=True, autoincrement=True),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column(
            "conversation_id",
            sa.String(32),
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        # None: the row is about the title.
        sa.Column(
            "message_id",
            sa.String(32),
            sa.ForeignKey("messages.id", ondelete="CASCADE"),
            unique=True,
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_search_texts_conversation", "search_texts", ["conversation_id"])
    statements = _SQLITE if is_sqlite else _POSTGRES
    for statement in statements:
        # As the driver has it: a colon is no parameter here.
        op.get_bind().exec_driver_sql(statement.replace("LONGEST", str(LONGEST)))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in ("title_added", "title_changed", "message_added", "message_changed"):
            op.execute(f"DROP TRIGGER search_{name}")
        op.drop_table("search_texts")
        op.execute("DROP TABLE search_titles")
        op.execute("DROP TABLE search_words")
        return
    op.execute("DROP TRIGGER search_title ON conversations")
    op.execute("DROP TRIGGER search_message ON messages")
    op.drop_table("search_texts")
    for function in ("search_index_title()", "search_index_message()", "search_words(text)"):
        op.execute(f"DROP FUNCTION {function}")


# The owner is a word of each row, so that the index itself skips other people's. It begins with a
# character for private use, which no word that is searched for has.
_OWNED = "char(57344) || user_id || ' ' || "
_SQLITE = (
    *(
        f"CREATE VIRTUAL TABLE {table} USING fts5(words,"
        " tokenize='unicode61 remove_diacritics 2', prefix='2 3 4')"
        for table in ("search_titles", "search_words")
    ),
    "CREATE TRIGGER search_forgotten AFTER DELETE ON search_texts BEGIN"
    " DELETE FROM search_titles WHERE old.message_id IS NULL AND rowid = old.id;"
    " DELETE FROM search_words WHERE old.message_id IS NOT NULL AND rowid = old.id; END",
    "CREATE TRIGGER search_title_added AFTER INSERT ON conversations BEGIN"
    " INSERT INTO search_texts (user_id, conversation_id) VALUES (new.user_id, new.id);"
    " INSERT INTO search_titles (rowid, words)"
    f" SELECT id, {_OWNED} new.title FROM search_texts"
    " WHERE conversation_id = new.id AND message_id IS NULL; END",
    "CREATE TRIGGER search_title_changed AFTER UPDATE OF title ON conversations"
    " WHEN new.title <> old.title BEGIN"
    " UPDATE search_titles SET words = char(57344) || new.user_id || ' ' || new.title"
    " WHERE rowid ="
    " (SELECT id FROM search_texts WHERE conversation_id = new.id AND message_id IS NULL); END",
    *(
        f"CREATE TRIGGER search_message_{name} AFTER {event} ON messages WHEN {when} BEGIN"
        " DELETE FROM search_texts WHERE message_id = new.id;"
        " INSERT INTO search_texts (user_id, conversation_id, message_id)"
        " SELECT user_id, id, new.id FROM conversations"
        " WHERE id = new.conversation_id AND new.content <> '';"
        " INSERT INTO search_words (rowid, words)"
        f" SELECT id, {_OWNED} substr(new.content, 1, LONGEST) FROM search_texts"
        " WHERE message_id = new.id; END"
        for name, event, when in (
            ("added", "INSERT", "new.content <> ''"),
            ("changed", "UPDATE OF content", "new.content <> old.content"),
        )
    ),
    "INSERT INTO search_texts (user_id, conversation_id)"
    " SELECT user_id, id FROM conversations ORDER BY created_at",
    "INSERT INTO search_texts (user_id, conversation_id, message_id)"
    " SELECT c.user_id, c.id, m.id FROM messages m JOIN conversations c ON c.id = m.conversation_id"
    " WHERE m.content <> '' ORDER BY m.created_at, m.position",
    "INSERT INTO search_titles (rowid, words)"
    f" SELECT s.id, {_OWNED.replace('user_id', 's.user_id')} c.title"
    " FROM search_texts s JOIN conversations c ON c.id = s.conversation_id"
    " WHERE s.message_id IS NULL ORDER BY s.id",
    "INSERT INTO search_words (rowid, words)"
    f" SELECT s.id, {_OWNED.replace('user_id', 's.user_id')} substr(m.content, 1, LONGEST)"
    " FROM search_texts s JOIN messages m ON m.id = s.message_id ORDER BY s.id",
)
# Accents and signs go first, so that both databases have the same words in whatever locale.
_WORDS = (
    "to_tsvector('simple', regexp_replace(regexp_replace("
    "normalize(lower(left($1, LONGEST)), NFKD), '[\\u0300-\\u036f]', '', 'g'),"
    " '[\\x01-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f\\u2000-\\u206f\\u3000-\\u303f]+', ' ', 'g'))"
)
_TITLES = (
    "INSERT INTO search_texts (user_id, conversation_id, words)"
    " SELECT user_id, id, search_words(title) FROM conversations c WHERE NOT EXISTS (SELECT 1 FROM"
    " search_texts s WHERE s.conversation_id = c.id AND s.message_id IS NULL) ORDER BY created_at"
)
_MESSAGES = (
    "INSERT INTO search_texts (user_id, conversation_id, message_id, words)"
    " SELECT c.user_id, c.id, m.id, search_words(m.content)"
    " FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.content <> ''"
    " AND NOT EXISTS (SELECT 1 FROM search_texts s WHERE s.message_id = m.id)"
    " ORDER BY m.created_at, m.position"
)
_POSTGRES = (
    f"CREATE FUNCTION search_words(text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$SELECT {_WORDS}$$",
    "ALTER TABLE search_texts ADD COLUMN words tsvector NOT NULL",
    # What waits to be sorted into the index is read by every search, so it is kept short.
    "CREATE INDEX ix_search_texts_words ON search_texts USING gin (words)"
    " WITH (gin_pending_list_limit = 256)",
    "CREATE INDEX ix_search_texts_newest ON search_texts (user_id, id)",
    "CREATE INDEX ix_search_texts_titles ON search_texts (user_id, id) WHERE message_id IS NULL",
    _TITLES,
    _MESSAGES,
    """CREATE FUNCTION search_index_title() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
      INSERT INTO search_texts (user_id, conversation_id, words)
      VALUES (new.user_id, new.id, search_words(new.title));
    ELSIF new.title <> old.title THEN
      UPDATE search_texts SET words = search_words(new.title)
      WHERE conversation_id = new.id AND message_id IS NULL;
    END IF;
    RETURN NULL; END $$""",
    """CREATE FUNCTION search_index_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF new.content = old.content THEN RETURN NULL; END IF;
      DELETE FROM search_texts WHERE message_id = new.id;
    END IF;
    IF new.content <> '' THEN
      INSERT INTO search_texts (user_id, conversation_id, message_id, words)
      SELECT user_id, id, new.id, search_words(new.content)
      FROM conversations WHERE id = new.conversation_id;
    END IF;
    RETURN NULL; END $$""",
    "CREATE TRIGGER search_title AFTER INSERT OR UPDATE OF title ON conversations"
    " FOR EACH ROW EXECUTE FUNCTION search_index_title()",
    "CREATE TRIGGER search_message AFTER INSERT OR UPDATE OF content ON messages"
    " FOR EACH ROW EXECUTE FUNCTION search_index_message()",
    # What others have written since: from here on they wait for the triggers.
    _TITLES,
    _MESSAGES,
)

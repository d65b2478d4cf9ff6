"""Migrate the app's database, for `flask --app wsgi db upgrade` and for `make run`.

A database that is ahead of this code is left as it is: another node was upgraded first. Migrations
only add, so older code works on newer tables.
"""

import logging
import time
from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy.exc import OperationalError

log = logging.getLogger("alembic.env")

ATTEMPTS = 20
LOCK_MILLISECONDS = 2000
PAUSE_SECONDS = 1
IN_USE = {"55P03", "40P01"}  # PostgreSQL's lock_not_available and deadlock_detected


def is_ahead(migration):
    """Whether an upgrade finds a revision in the database that this code doesn't have."""
    known = {revision.revision for revision in migration.script.walk_revisions()}
    unknown = set(migration.get_current_heads()) - known
    if unknown and migration.opts.get("destination_rev") == "head":
        log.warning(
            "The database is at revision %s, which is newer than this code's %s. Upgrade this node "
            "too.",
            ", ".join(sorted(unknown)),
            migration.script.get_current_head(),
        )
        return True
    return False


@contextmanager
def without_cascades(connection):
    """Turn foreign keys off on SQLite, so that dropping a table deletes no rows of others.

    To remove a column, the table is built again and the old one is dropped. With foreign keys on,
    that would delete, say, the messages of all conversations.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    # Within a transaction it would change nothing.
    driver = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.rollback()
        driver.execute("PRAGMA foreign_keys=ON")


def migrate():
    """Run the migrations in one transaction, which waits briefly for locks on PostgreSQL."""
    extension = current_app.extensions["migrate"]
    with extension.db.engine.connect() as connection, without_cascades(connection):
        context.configure(
            connection=connection, target_metadata=extension.db.metadata, **extension.configure_args
        )
        if not is_ahead(context.get_context()):
            with context.begin_transaction():
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
                context.run_migrations()


# Whoever waits for a table's exclusive lock holds up all who come after, so give way to the nodes
# that serve people, and try again.
for attempt in range(ATTEMPTS):
    try:
        migrate()
        break
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) not in IN_USE or attempt == ATTEMPTS - 1:
            raise
        log.warning("A table is in use. The migration was undone and is tried again.")
        time.sleep(PAUSE_SECONDS)

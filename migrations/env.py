"""Migrate the app's database, for `flask --app wsgi db upgrade` and for `make run`.

A database that is ahead of this code is left as it is: another node was upgraded first. Migrations
only add, so older code works on newer tables.
"""

import logging

from alembic import context
from flask import current_app

log = logging.getLogger("alembic.env")


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


extension = current_app.extensions["migrate"]
with extension.db.engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=extension.db.metadata, **extension.configure_args
    )
    if not is_ahead(context.get_context()):
        with context.begin_transaction():
            context.run_migrations()

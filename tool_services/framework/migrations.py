"""Upgrade a service's tables, one process at a time, when the service starts."""

from __future__ import annotations

import logging

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, func, select

logger = logging.getLogger("tool_services.database")

# Any number does, as long as all processes use the same one.
_ADVISORY_LOCK = 4_711_001


def upgrade_schema(database: SQLAlchemy) -> None:
    """Bring the current app's tables to the newest revision that this version knows.

    During an upgrade of many machines, another one may already have migrated the database. A
    revision that this version doesn't know is accepted, with a warning: a migration must leave
    the tables usable for the version before it.
    """
    config: Config = current_app.extensions["migrate"].migrate.get_config()
    scripts = ScriptDirectory.from_config(config)
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        logger.warning(
            "The database has revision %s, which is newer than this version of %s knows."
            " It is used as it is. Upgrade this machine soon.",
            *(current, current_app.import_name),
        )
    elif current != scripts.get_current_head():
        command.upgrade(config, "head")


def run_migrations() -> None:
    """Run the migrations of the current app: what each `migrations/env.py` calls.

    Other processes wait, and either all migrations are applied or none.
    """
    migrate = current_app.extensions["migrate"]
    with migrate.db.engine.connect() as connection:
        begin_exclusive(connection)
        context.configure(
            connection=connection,
            target_metadata=migrate.db.metadata,
            transactional_ddl=True,
            **migrate.configure_args,
        )
        context.run_migrations()
        connection.commit()


def begin_exclusive(connection: Connection) -> None:
    """Begin a transaction that excludes all others begun by this function, in any process."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))

"""A service's tables: upgraded when it starts, one process at a time, and changed by one command.

Each service has its migrations in `migrations/versions/`, and a table of its own in its database
that says which of them it has. What Alembic needs beside them is in `migration_env/`, for all
services.
"""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command, context
from alembic.config import Config
from alembic.operations.ops import AddColumnOp, ModifyTableOps
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect

from tool_services.framework.exclusive import begin_exclusive
from tool_services.framework.revisions import (
    SHARED_VERSION_TABLE,
    UpgradeFailed,
    version_table_of,
    versions_of,
)
from tool_services.framework.service import Service
from tool_services.framework.settings import stop

logger = logging.getLogger("tool_services.database")

_ENVIRONMENT = Path(__file__).parent / "migration_env"


def migrations_of(folder: Path, database: SQLAlchemy) -> Config:
    """Return Alembic's settings for the service in this folder."""
    config = Config()
    options = {
        "script_location": str(_ENVIRONMENT),
        "version_locations": str(versions_of(folder)),
        "path_separator": "newline",
        "file_template": "%(rev)s_%(slug)s",
    }
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes["database"] = database
    config.attributes["version_table"] = version_table_of(folder)
    return config


def upgrade_schema(database: SQLAlchemy, folder: Path) -> None:
    """Bring the tables to the newest revision that this version of the service knows.

    During an upgrade of many machines, another one may already have migrated the database. A
    revision that this version doesn't know is accepted, with a warning: a migration must leave
    the tables usable for the version before it. Raises UpgradeFailed.
    """
    try:
        _upgrade(database, folder)
    except CommandError as error:
        raise UpgradeFailed(str(error)) from error


def _upgrade(database: SQLAlchemy, folder: Path) -> None:
    config = migrations_of(folder, database)
    scripts = ScriptDirectory.from_config(config)
    with database.engine.connect() as connection:
        current = _revision(connection, version_table_of(folder))
    if current is None:
        current = _take_over_version(database, version_table_of(folder))
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        logger.warning(
            "The database has revision %s, which is newer than this version of %s knows."
            " It is used as it is. Upgrade this machine soon.",
            *(current, folder.name),
        )
    elif current != scripts.get_current_head():
        command.upgrade(config, "head")


def _revision(connection: Connection, version_table: str) -> str | None:
    options = {"version_table": version_table}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _take_over_version(database: SQLAlchemy, version_table: str) -> str | None:
    """Give a service whose tables are there its own version table. Return the revision, if any.

    Until this version all services had one such table, so no two could have the same database. It
    is left as it is: during an upgrade, processes of the version before read it at their start.
    """
    with database.engine.connect() as connection:
        begin_exclusive(connection)
        tables = set(inspect(connection).get_table_names())
        if version_table in tables:
            return _revision(connection, version_table)
        revision = _revision(connection, SHARED_VERSION_TABLE)
        if revision is None or tables.isdisjoint(database.metadata.tables):
            return None
        versions = Table(
            version_table, MetaData(), Column("version_num", String(32), primary_key=True)
        )
        versions.create(connection)
        connection.execute(insert(versions).values(version_num=revision))
        connection.commit()
    return revision


def write_migration(service: Service, message: str) -> Path | None:
    """Write a migration for what the service's models have and its migrations have not.

    Return its file, or None if there is nothing to change. Stops the program with a sentence for a
    new column that has no value in the rows that are there.
    """
    database: SQLAlchemy = service.load(service.database)
    versions = versions_of(service.folder)
    versions.mkdir(parents=True, exist_ok=True)
    number = 1 + sum(1 for _ in versions.glob("*.py"))
    config = migrations_of(service.folder, database)
    with TemporaryDirectory() as folder:
        app = Flask(service.package, root_path=folder, instance_path=folder)
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/tables.db"
        database.init_app(app)
        with app.app_context():
            command.upgrade(config, "head")
            written: Any = command.revision(
                *(config, message),
                autogenerate=True,
                rev_id=f"{number:04}",
                process_revision_directives=_write_what_can_run,
            )
            database.engine.dispose()
    return Path(written.path) if written else None


def _write_what_can_run(_context: Any, _revision: Any, directives: list[Any]) -> None:
    changes = directives[0].upgrade_ops
    for table in changes.ops:
        for change in table.ops if isinstance(table, ModifyTableOps) else ():
            if isinstance(change, AddColumnOp):
                _check_new_column(table.table_name, change.column)
    if changes.is_empty():
        directives.clear()


def _check_new_column(table: str, column: Column[Any]) -> None:
    if not column.nullable and column.server_default is None:
        stop(
            f"{table}.{column.name} needs a server_default, or has to be nullable: the rows that"
            " are there have no value for it, and the version before this one writes none."
        )


def run_migrations() -> None:
    """Run migrations, or compare them with the models: what `migration_env/env.py` calls.

    Other processes wait, and either all migrations are applied or none.
    """
    database: SQLAlchemy = context.config.attributes["database"]
    with database.engine.connect() as connection:
        begin_exclusive(connection)
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            transactional_ddl=True,
            render_as_batch=True,
            version_table=context.config.attributes["version_table"],
            include_object=_is_in_models,
            compare_type=_differs,
        )
        context.run_migrations()
        connection.commit()


def _is_in_models(_object: Any, _name: Any, kind: str, reflected: bool, model: Any) -> bool:
    """Return False for a table that no model has: a search index, or an older version's."""
    return not (kind == "table" and reflected and model is None)


def _differs(_context: Any, _found: Any, _model: Any, found_type: Any, model_type: Any) -> Any:
    """Return False for types that SQLite stores alike, and None to have Alembic compare them."""
    alike = found_type._type_affinity is model_type._type_affinity
    return False if alike else None

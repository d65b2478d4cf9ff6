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
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Connection, MetaData, String, Table, func, insert, inspect, select

from tool_services.framework.service import Service
from tool_services.framework.settings import stop

logger = logging.getLogger("tool_services.database")

# Any number does, as long as all processes use the same one.
_ADVISORY_LOCK = 4_711_001
# Alembic's own name for it. Services of earlier versions read this table.
_SHARED_VERSION_TABLE = "alembic_version"
_ENVIRONMENT = Path(__file__).parent / "migration_env"


def migrations_of(folder: Path, database: SQLAlchemy) -> Config:
    """Return Alembic's settings for the service in this folder."""
    config = Config()
    options = {
        "script_location": str(_ENVIRONMENT),
        "version_locations": str(_versions(folder)),
        "path_separator": "newline",
        "file_template": "%(rev)s_%(slug)s",
    }
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes["database"] = database
    config.attributes["version_table"] = _version_table(folder)
    return config


def _version_table(folder: Path) -> str:
    return f"{_SHARED_VERSION_TABLE}_{folder.name}"


def _versions(folder: Path) -> Path:
    return folder / "migrations" / "versions"


def has_migrations(folder: Path) -> bool:
    """Return whether the service in this folder has any migration."""
    return any(_versions(folder).glob("*.py"))


def upgrade_schema(database: SQLAlchemy, folder: Path) -> None:
    """Bring the tables to the newest revision that this version of the service knows.

    During an upgrade of many machines, another one may already have migrated the database. A
    revision that this version doesn't know is accepted, with a warning: a migration must leave
    the tables usable for the version before it.
    """
    config = migrations_of(folder, database)
    scripts = ScriptDirectory.from_config(config)
    with database.engine.connect() as connection:
        current = _revision(connection, _version_table(folder))
    if current is None:
        current = _take_over_version(database, _version_table(folder))
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
        revision = _revision(connection, _SHARED_VERSION_TABLE)
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
    versions = _versions(service.folder)
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


def begin_exclusive(connection: Connection) -> None:
    """Begin a transaction that excludes all others begun by this function, in any process."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))

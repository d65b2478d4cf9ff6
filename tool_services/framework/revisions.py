"""At which revision a service's tables are. This module must not import Alembic."""

from __future__ import annotations

from pathlib import Path

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String, column, inspect, select, table

# Alembic's own name for it. Services of earlier versions read this table.
SHARED_VERSION_TABLE = "alembic_version"


class UpgradeFailed(Exception):
    """The tables couldn't be upgraded."""


def versions_of(folder: Path) -> Path:
    """Return where the migrations of the service in this folder are."""
    return folder / "migrations" / "versions"


def version_table_of(folder: Path) -> str:
    """Return the name of the table that says which migrations the service's database has."""
    return f"{SHARED_VERSION_TABLE}_{folder.name}"


def has_migrations(folder: Path) -> bool:
    """Return whether the service in this folder has any migration."""
    return any(versions_of(folder).glob("*.py"))


def is_newest(database: SQLAlchemy, folder: Path) -> bool:
    """Return whether the revision is the number of the last of the migrations.

    That is how `make migration` numbers them. Of others, with revisions such as `ae1027a6`, Alembic
    knows which is the newest.
    """
    newest = f"{sum(1 for _ in versions_of(folder).glob('*.py')):04}"
    name = version_table_of(folder)
    with database.engine.connect() as connection:
        if not inspect(connection).has_table(name):
            return False
        found = connection.execute(select(column("version_num", String)).select_from(table(name)))
        return list(found.scalars()) == [newest]

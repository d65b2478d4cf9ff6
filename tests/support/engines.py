"""A real PostgreSQL and a real Valkey for the tests; each test gets them empty."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import psycopg
import redis
from psycopg import sql

from app.db.models import db
from scripts.local_servers import Postgres, Valkey
from scripts.ports import free_port
from tests.support.seeded_databases import migrate


class Engines:
    """Both servers, on free ports, with their data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres", free_port(), durable=False)
        self.valkey = Valkey(folder / "valkey", free_port())
        self._numbers = itertools.count(1)
        self._templates: set[str] = set()
        self._used: str | None = None

    def __enter__(self) -> Engines:
        self.postgres.start()
        self.valkey.start()
        migrate(self.postgres.url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.valkey.stop()
        self.postgres.stop()
        self.postgres.remove()

    def fresh(self) -> dict[str, str]:
        """Settings that name an empty database with the tables in it, and an empty Valkey."""
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        own = self.postgres.url.rpartition("/")[2]
        return {"database_url": self._copy_of(own), "redis_url": self.valkey.url}

    def emptied(self) -> dict[str, str]:
        """As `fresh`, but once a test has done with its database, the next one gets it without its
        rows: that takes a tenth of the time, and of the disk. A database whose tables the test has
        changed isn't used again."""
        if self._used is None or not _empty(self._used, self.postgres.url):
            self._used = self.fresh()["database_url"]
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        return {"database_url": self._used, "redis_url": self.valkey.url}

    def filled(self, name: str, fill: Callable[[str], None]) -> str:
        """Return the URL of a database that is filled by `fill`, which is called once a name."""
        template = f"{name}_template"
        if name not in self._templates:
            fill(self._create(template))
            self._templates.add(name)
        return self._copy_of(template)

    def empty(self) -> str:
        """The URL of a database without any tables."""
        return self._copy_of("template1")

    def _copy_of(self, template: str) -> str:
        return self._create(
            f"test_{next(self._numbers)}", f"TEMPLATE {template} STRATEGY file_copy"
        )

    def _create(self, name: str, how: str = "") -> str:
        where = self.postgres.url.rpartition("/")[0]
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {how}")
        return f"{where}/{name}"


def _empty(database: str, like: str) -> bool:
    """Delete all rows, if the database still has the tables that the one at `like` has."""
    with psycopg.connect(database) as connection, psycopg.connect(like) as pattern:
        if _columns(connection) != _columns(pattern):
            return False
        connection.execute("SET LOCAL lock_timeout = 1000")
        try:
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        except psycopg.errors.LockNotAvailable:
            connection.rollback()
            return False
    return True


def _columns(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    query = """SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY 1, 2"""
    return connection.execute(query).fetchall()

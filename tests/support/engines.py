"""A real PostgreSQL and a real Valkey for the tests; each test gets them as if they were new."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import psycopg
import redis
from psycopg import sql

from scripts.local_servers import Postgres, Valkey
from scripts.ports import free_port
from tests.support.seeded_databases import migrate

Whose = Literal["own", "shared"]
_Connection = psycopg.Connection[tuple[object, ...]]
_Rows = list[tuple[object, ...]]
# From where information_schema.columns takes it, in a third of the CPU.
_COLUMNS = """SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND attnum > 0 AND NOT attisdropped ORDER BY 1, 2"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"


class Engines:
    """Both servers, on free ports, with their data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres", free_port(), durable=False)
        self.valkey = Valkey(folder / "valkey", free_port())
        self._numbers = itertools.count(1)
        self._reusable: dict[str, tuple[str, _Content]] = {}

    def __enter__(self) -> Engines:
        self.postgres.start()
        self.valkey.start()
        migrate(self.postgres.url)
        return self

    def __exit__(self, *_: object) -> None:
        self.valkey.stop()
        self.postgres.stop()
        self.postgres.remove()

    def fresh(self) -> dict[str, str]:
        """Settings that name a new database with the app's tables, and an empty Valkey."""
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        own = self.postgres.url.rpartition("/")[2]
        return {"database_url": self._create(f"TEMPLATE {own}"), "redis_url": self.valkey.url}

    def emptied(self, whose: Whose) -> dict[str, str]:
        """As `fresh`, but the next of the same kind gets both emptied. The product of one test and
        the one that a file's tests share run side by side, so each has its own."""
        database = self._reused(whose, lambda: self.fresh()["database_url"])
        redis_url = f"{self.valkey.url.rpartition('/')[0]}/{get_args(Whose).index(whose)}"
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        return {"database_url": database, "redis_url": redis_url}

    def filled(self, name: str, fill: Callable[[str], None]) -> str:
        """Return the URL of a database with what `fill` puts there, once for all tests."""

        def create() -> str:
            url = self._create()
            fill(url)
            return url

        return self._reused(name, create)

    def empty(self) -> str:
        """Return the URL of a database without any tables."""
        return self._reused("", self._create)

    def _reused(self, name: str, create: Callable[[], str]) -> str:
        """Return the last test's database with its first content: a new one, which is a copy of 300
        files, takes ten times the CPU."""
        if name in self._reusable:
            url, content = self._reusable[name]
            if content.restore(url):
                return url
        url = create()
        self._reusable[name] = url, _Content.of(url)
        return url

    def _create(self, how: str = "") -> str:
        name = f"test_{next(self._numbers)}"
        where = self.postgres.url.rpartition("/")[0]
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {how} STRATEGY file_copy")
        return f"{where}/{name}"


@dataclass(frozen=True)
class _Content:
    """What a database holds: its columns, each table's rows as COPY writes them, its sequences."""

    columns: _Rows
    rows: dict[str, bytes]
    sequences: _Rows

    @classmethod
    def of(cls, url: str) -> _Content:
        with psycopg.connect(url) as connection:
            columns = connection.execute(_COLUMNS).fetchall()
            tables = {str(table) for table, *_ in columns}
            rows = {table: _copied(connection, table) for table in tables}
            return cls(columns, rows, connection.execute(_SEQUENCES).fetchall())

    def restore(self, url: str) -> bool:
        """Give the database this content. Return False if its tables are others now, or in use."""
        with psycopg.connect(url) as connection:
            connection.execute("SET LOCAL lock_timeout = 1000")
            # In whatever order the tables come, no foreign key is checked.
            connection.execute("SET LOCAL session_replication_role = replica")
            try:
                if not self.columns:
                    connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                elif connection.execute(_COLUMNS).fetchall() != self.columns:
                    return False
                self._refill(connection)
            except psycopg.errors.LockNotAvailable:
                connection.rollback()
                return False
        return True

    def _refill(self, connection: _Connection) -> None:
        for table, rows in self.rows.items():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            if rows:
                into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with connection.cursor().copy(into) as copy:
                    copy.write(rows)
        for name, value in self.sequences:
            connection.execute(
                "SELECT setval(%s::regclass, coalesce(%s, 1), %s)",
                (f'"{name}"', value, value is not None),
            )


def _copied(connection: _Connection, table: str) -> bytes:
    query = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
    with connection.cursor().copy(query) as copy:
        return b"".join(bytes(piece) for piece in copy)

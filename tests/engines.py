"""A real PostgreSQL and a real Valkey for the tests; each test gets them empty."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import TracebackType

import psycopg
import redis
from flask_migrate import upgrade

from app import create_app
from app.config import Settings
from app.keys import ensure_secrets
from app.models import db
from scripts.engines import Postgres, Valkey
from scripts.launch import free_port
from tests.product import MIGRATIONS


class Engines:
    """Both servers, on free ports, with their data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres", free_port(), durable=False)
        self.valkey = Valkey(folder / "valkey", free_port())
        self._numbers = itertools.count(1)

    def __enter__(self) -> Engines:
        self.postgres.start()
        self.valkey.start()
        migrate(self.folder, self.postgres.url)
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
        name = f"test_{next(self._numbers)}"
        where, _, template = self.postgres.url.rpartition("/")
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        return {"database_url": f"{where}/{name}", "redis_url": self.valkey.url}


def migrate(folder: Path, url: str) -> None:
    """Make the app's tables in the database at `url`."""
    ensure_secrets(folder)
    settings = Settings(
        _env_file=None, instance_dir=folder, database_url=url, openai_base_url="http://x", model="x"
    )
    with create_app(settings).app_context():
        upgrade(MIGRATIONS)
        db.engine.dispose()

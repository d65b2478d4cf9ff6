"""A real PostgreSQL and a real Valkey for the tests; each test gets them empty."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import TracebackType

import psycopg
import redis
from flask_migrate import upgrade

from app import create_app
from app.auth.key_files import ensure_secrets
from app.config import Settings
from app.db.models import db
from scripts.local_servers import Postgres, Valkey
from scripts.ports import free_port
from tests.support.seeded_databases import MIGRATIONS
from tool_services.analytics import app as analytics
from tool_services.analytics.models import db as analytics_db
from tool_services.listings import app as listings
from tool_services.listings.models import db as listings_db
from tool_services.settings import Settings as ServiceSettings

SERVICES = {"listings": (listings, listings_db), "analytics": (analytics, analytics_db)}


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
        self._make_templates()
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

    def fresh_services(self) -> dict[str, str]:
        """Settings that name databases of the tool services, with the sample rows in them."""
        return {f"{name}_database_url": self._copy_of(f"{name}_samples") for name in SERVICES}

    def empty(self) -> str:
        """The URL of a database without any tables."""
        return self._copy_of("template1")

    def _copy_of(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        where = self.postgres.url.rpartition("/")[0]
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return f"{where}/{name}"

    def _make_templates(self) -> None:
        where = self.postgres.url.rpartition("/")[0]
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            for name in SERVICES:
                connection.execute(f"CREATE DATABASE {name}_samples")
        urls = {f"{name}_database_url": f"{where}/{name}_samples" for name in SERVICES}
        settings = ServiceSettings.model_validate({"instance_dir": self.folder, **urls})
        for service, database in SERVICES.values():
            with service.create_app(settings).app_context():
                database.engine.dispose()


def migrate(folder: Path, url: str) -> None:
    """Make the app's tables in the database at `url`."""
    ensure_secrets(folder)
    settings = Settings(
        _env_file=None, instance_dir=folder, database_url=url, openai_base_url="http://x", model="x"
    )
    with create_app(settings).app_context():
        upgrade(MIGRATIONS)
        db.engine.dispose()

"""The services that the checkout has, whichever they are, with their sample rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from tests.support.engines import Engines
from tests.support.product import ServiceFactory
from tests.support.seeded_databases import Fill, copy_folder
from tests.tool_services.support.issuer import Issuer
from tests.tool_services.support.services import Service, running
from tool_services.all_services import folders, service, settings_class
from tool_services.framework import app_factory

Settings = settings_class()


def create_app(name: str, settings: Any) -> Flask:
    """The app of one of the services, with the settings as a Product has them or checked."""
    return app_factory.create_app(service(name), Settings.model_validate(settings))


OWN_SERVICES: dict[str, ServiceFactory] = {name: partial(create_app, name) for name in folders()}
"""The services as a Product starts them."""


def settings_for(
    issuer: Issuer, folder: Path, engines: Engines | None, names: tuple[str, ...]
) -> dict[str, Any]:
    """Settings that name these services' databases with the sample rows."""
    databases = {}
    if engines:
        for name in names:
            databases[f"{name}_database_url"] = engines.filled(name, partial(_fill, name, folder))
    else:
        copy_folder(_filling(names), folder)
    return {"app_url": issuer.url, "instance_dir": folder, "tool_timeout": 2, **databases}


@contextmanager
def running_service(
    name: str, issuer: Issuer, settings: dict[str, Any], **urls: str
) -> Iterator[Service]:
    """One of the services on real HTTP; `urls` are settings that name others."""
    with running(partial(create_app, name), _database(name), issuer) as (started, start):
        own = {f"{name}_url": started.url, **urls}
        start(Settings.model_validate({**settings, **own}))
        yield started


def _database(name: str) -> SQLAlchemy:
    declared = service(name)
    database: SQLAlchemy = declared.load(declared.database)
    return database


@cache
def _filling(names: tuple[str, ...]) -> Fill:
    """The same function for the same services, whose databases are made once then."""

    def fill(folder: Path) -> None:
        for name in names:
            _fill(name, folder, f"sqlite:///{folder / name}.db")

    return fill


def _fill(name: str, folder: Path, url: str) -> None:
    """Start the service once, which makes its tables and their sample rows."""
    settings = {"instance_dir": folder, f"{name}_database_url": url}
    with create_app(name, settings).app_context():
        _database(name).engine.dispose()

"""The listings and the analytics service with the sample homes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask

from tests.support.engines import Engines
from tests.support.product import ServiceFactory
from tests.support.seeded_databases import copy_folder
from tests.tool_services.support.issuer import Issuer
from tests.tool_services.support.services import Service, running
from tool_services.all_services import service, settings_class
from tool_services.analytics.models import db as analytics_db
from tool_services.framework import app_factory
from tool_services.listings.models import db as listings_db

_DATABASES = {"listings": listings_db, "analytics": analytics_db}
Settings = settings_class()


def create_app(name: str, settings: Any) -> Flask:
    """The app of one of the services, with the settings as a Product has them or checked."""
    return app_factory.create_app(service(name), Settings.model_validate(settings))


HOMES: dict[str, ServiceFactory] = {name: partial(create_app, name) for name in _DATABASES}
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
        copy_folder(_fill_folder, folder)
    return {"app_url": issuer.url, "instance_dir": folder, "tool_timeout": 2, **databases}


def _fill_folder(folder: Path) -> None:
    for name in _DATABASES:
        _fill(name, folder, f"sqlite:///{folder / name}.db")


def _fill(name: str, folder: Path, url: str) -> None:
    """Start the service once, which makes its tables and their sample rows."""
    settings = {"instance_dir": folder, f"{name}_database_url": url}
    with create_app(name, settings).app_context():
        _DATABASES[name].engine.dispose()


@contextmanager
def running_listings(issuer: Issuer, settings: dict[str, Any]) -> Iterator[Service]:
    with running(partial(create_app, "listings"), listings_db, issuer) as (started, start):
        start(Settings.model_validate({**settings, "listings_url": started.url}))
        yield started


@contextmanager
def running_analytics(
    issuer: Issuer, settings: dict[str, Any], listings_url: str
) -> Iterator[Service]:
    with running(partial(create_app, "analytics"), analytics_db, issuer) as (started, start):
        urls = {"listings_url": listings_url, "analytics_url": started.url}
        start(Settings.model_validate({**settings, **urls}))
        yield started

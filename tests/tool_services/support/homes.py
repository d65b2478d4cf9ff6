"""The listings and the analytics service with the sample homes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from tests.support.engines import Engines
from tests.support.product import ServiceFactory
from tests.support.seeded_databases import copy_folder
from tests.tool_services.support.issuer import Issuer
from tests.tool_services.support.services import Service, running
from tool_services.all_services import Settings
from tool_services.analytics import app as analytics
from tool_services.analytics.models import db as analytics_db
from tool_services.listings import app as listings
from tool_services.listings.models import db as listings_db

_SERVICES: dict[str, tuple[Callable[[Settings], Flask], SQLAlchemy]] = {
    "listings": (listings.create_app, listings_db),
    "analytics": (analytics.create_app, analytics_db),
}

HOMES: dict[str, ServiceFactory] = {
    "listings": lambda settings: listings.create_app(Settings.model_validate(settings)),
    "analytics": lambda settings: analytics.create_app(Settings.model_validate(settings)),
}
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
    for name in _SERVICES:
        _fill(name, folder, f"sqlite:///{folder / name}.db")


def _fill(name: str, folder: Path, url: str) -> None:
    """Start the service once, which makes its tables and their sample rows."""
    create_app, database = _SERVICES[name]
    settings = {"instance_dir": folder, f"{name}_database_url": url}
    with create_app(Settings.model_validate(settings)).app_context():
        database.engine.dispose()


@contextmanager
def running_listings(issuer: Issuer, settings: dict[str, Any]) -> Iterator[Service]:
    with running(listings.create_app, listings_db, issuer) as (service, start):
        start(Settings.model_validate({**settings, "listings_url": service.url}))
        yield service


@contextmanager
def running_analytics(
    issuer: Issuer, settings: dict[str, Any], listings_url: str
) -> Iterator[Service]:
    with running(analytics.create_app, analytics_db, issuer) as (service, start):
        urls = {"listings_url": listings_url, "analytics_url": service.url}
        start(Settings.model_validate({**settings, **urls}))
        yield service

"""The listings and the analytics service with the sample homes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.engines import Engines
from tests.support.seeded_databases import copy_samples
from tests.tool_services.support.issuer import Issuer
from tests.tool_services.support.services import Service, running
from tool_services.analytics import app as analytics
from tool_services.analytics.models import db as analytics_db
from tool_services.listings import app as listings
from tool_services.listings.models import db as listings_db
from tool_services.settings import Settings


def settings_for(issuer: Issuer, folder: Path, engines: Engines | None) -> dict[str, Any]:
    """Settings that name databases with the sample rows."""
    copy_samples(folder)
    databases = engines.fresh_services() if engines else {}
    return {"app_url": issuer.url, "instance_dir": folder, "tool_timeout": 2, **databases}


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

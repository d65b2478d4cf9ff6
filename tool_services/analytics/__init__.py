"""The analytics service: how listings are doing, how their markets are, and reports on both."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from tool_services.analytics.listing_metrics import listing_metrics_tool
from tool_services.analytics.market_analysis import market_analysis_tool
from tool_services.analytics.models import Interaction, db
from tool_services.analytics.performance_report import performance_report_tool
from tool_services.analytics.samples import SAMPLES
from tool_services.framework.app_factory import ServiceInfo, make_service
from tool_services.framework.database import open_database
from tool_services.framework.peer import Peer
from tool_services.framework.settings import Settings, load_settings
from tool_services.framework.tokens import TokenVerifier

# The rest of the time that a tool call has is for this service's own work and the way back.
PEER_TIMEOUT_SHARE = 0.6
_TOOLS = (listing_metrics_tool, market_analysis_tool, performance_report_tool)


def create_app(settings: Settings | None = None) -> Flask:
    """The service as a WSGI app, its database created and filled where that is still to do."""
    settings = settings or load_settings()
    listings = _listings(settings)
    app = make_service(
        ServiceInfo(
            name="analytics",
            package=__name__,
            description="Knows how listings perform and how their markets move.",
            audience=settings.analytics_url,
        ),
        [make(listings) for make in _TOOLS],
        verifier=TokenVerifier.for_service(settings, settings.analytics_url),
        check_database=lambda: db.session.scalar(select(Interaction.Id).limit(1)),
        instance_dir=settings.instance_dir,
    )
    open_database(
        app,
        db,
        setting="ANALYTICS_DATABASE_URL",
        url=settings.analytics_database_url,
        samples=SAMPLES if settings.sample_data else (),
    )
    return app


def _listings(settings: Settings) -> Peer:
    timeout = settings.tool_timeout * PEER_TIMEOUT_SHARE
    return Peer("listings", settings.listings_url, settings.token_url, timeout)

"""The analytics service as a WSGI app."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from tool_services.analytics.listings_client import ListingsClient
from tool_services.analytics.models import Interaction, db
from tool_services.analytics.samples import SAMPLES
from tool_services.analytics.scopes import LISTINGS_SCOPE
from tool_services.analytics.settings import AnalyticsSettings
from tool_services.analytics.tools.generate_performance_report import performance_report_tool
from tool_services.analytics.tools.get_listing_metrics import listing_metrics_tool
from tool_services.analytics.tools.get_market_analysis import market_analysis_tool
from tool_services.framework.app_factory import create_service_app
from tool_services.framework.database import open_database
from tool_services.framework.http_endpoints import ServiceInfo
from tool_services.framework.peer import PeerClient
from tool_services.framework.service_client import ServiceClient
from tool_services.framework.settings import load_settings
from tool_services.framework.tokens import TokenVerifier


def create_app(settings: AnalyticsSettings | None = None) -> Flask:
    """Create the app. Its database is upgraded, and filled with samples if it is empty."""
    settings = settings or load_settings(AnalyticsSettings)
    client = ServiceClient.load(
        "analytics", settings.analytics_url, settings.app_url, settings.instance_dir
    )
    peer = PeerClient(
        *("listings", settings.listings_url, settings.token_url, settings.peer_timeout),
        client=client,
        scopes=(LISTINGS_SCOPE,),
    )
    listings = ListingsClient(peer)
    app = create_service_app(
        ServiceInfo(
            name="analytics",
            package=__package__ or "",
            description="Knows how listings perform and how their markets move.",
            audience=settings.analytics_url,
        ),
        [
            listing_metrics_tool(listings),
            market_analysis_tool(listings),
            performance_report_tool(listings),
        ],
        verifier=TokenVerifier.for_service(settings, settings.analytics_url),
        check_database=lambda: db.session.scalar(select(Interaction.Id).limit(1)),
        instance_dir=settings.instance_dir,
        client=client,
    )
    open_database(
        app,
        db,
        setting="ANALYTICS_DATABASE_URL",
        url=settings.analytics_database_url,
        samples=SAMPLES if settings.sample_data else (),
    )
    return app

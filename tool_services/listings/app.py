"""The listings service as a WSGI app."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from tool_services.framework.app_factory import create_service_app
from tool_services.framework.csv_import import add_import_command
from tool_services.framework.database import open_database
from tool_services.framework.http_endpoints import ServiceInfo
from tool_services.framework.settings import load_settings
from tool_services.framework.tokens import TokenVerifier
from tool_services.listings.listing_import import LISTINGS_CSV
from tool_services.listings.lookup import add_lookup_endpoint
from tool_services.listings.market_figures import add_market_endpoint
from tool_services.listings.models import Listing, db
from tool_services.listings.outbox import add_outbox_endpoint
from tool_services.listings.report_limits import ReportLimits
from tool_services.listings.samples import SAMPLES
from tool_services.listings.settings import ListingsSettings
from tool_services.listings.tools.find_listings import FIND_LISTINGS
from tool_services.listings.tools.get_listing import GET_LISTING
from tool_services.listings.tools.send_listing_report import send_listing_report_tool


def create_app(settings: ListingsSettings | None = None) -> Flask:
    """Create the app. Its database is upgraded, and filled with samples if it is empty."""
    settings = settings or load_settings(ListingsSettings)
    verifier = TokenVerifier.for_service(settings, settings.listings_url)
    limits = ReportLimits(settings.reports_per_sender, settings.reports_per_recipient)
    app = create_service_app(
        ServiceInfo(
            name="listings",
            package=__package__ or "",
            description="Finds homes for sale and writes reports about them.",
            audience=settings.listings_url,
            capabilities={"outbox": True},
        ),
        [FIND_LISTINGS, GET_LISTING, send_listing_report_tool(settings.mail_server, limits)],
        verifier=verifier,
        check_database=lambda: db.session.scalar(select(Listing.ListingId).limit(1)),
        instance_dir=settings.instance_dir,
    )
    add_lookup_endpoint(app, verifier)
    add_market_endpoint(app, verifier)
    add_outbox_endpoint(app, verifier)
    add_import_command(app, db, LISTINGS_CSV)
    open_database(
        app,
        db,
        setting="LISTINGS_DATABASE_URL",
        url=settings.listings_database_url,
        samples=SAMPLES if settings.sample_data else (),
    )
    return app

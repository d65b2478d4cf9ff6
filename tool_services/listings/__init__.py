"""The listings service: homes for sale, and reports about them by e-mail."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from tool_services.framework.app_factory import ServiceInfo, make_service
from tool_services.framework.database import open_database
from tool_services.framework.settings import Settings, load_settings
from tool_services.framework.tokens import TokenVerifier
from tool_services.listings.find_listings import FIND_LISTINGS, serve_listings
from tool_services.listings.listing_import import add_listings_import
from tool_services.listings.market_figures import serve_market
from tool_services.listings.models import Listing, db
from tool_services.listings.outbox import serve_outbox
from tool_services.listings.samples import SAMPLES
from tool_services.listings.send_listing_report import listing_report_tool


def create_app(settings: Settings | None = None) -> Flask:
    """The service as a WSGI app, its database created and filled where that is still to do."""
    settings = settings or load_settings()
    verifier = TokenVerifier.for_service(settings, settings.listings_url)
    app = make_service(
        ServiceInfo(
            name="listings",
            package=__name__,
            description="Finds homes for sale and sends reports about them.",
            audience=settings.listings_url,
            capabilities={"outbox": True},
        ),
        [FIND_LISTINGS, listing_report_tool(settings.mail_server)],
        verifier=verifier,
        check_database=lambda: db.session.scalar(select(Listing.ListingId).limit(1)),
        instance_dir=settings.instance_dir,
    )
    serve_listings(app, verifier)
    serve_market(app, verifier)
    add_listings_import(app)
    serve_outbox(app, verifier)
    open_database(
        app,
        db,
        setting="LISTINGS_DATABASE_URL",
        url=settings.listings_database_url,
        samples=SAMPLES if settings.sample_data else (),
    )
    return app

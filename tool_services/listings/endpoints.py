"""What the service has beside its tools: endpoints for others, the outbox, the import."""

from __future__ import annotations

from flask import Flask

from tool_services.framework.csv_import import add_import_command
from tool_services.listings.listing_import import LISTINGS_CSV
from tool_services.listings.lookup import add_lookup_endpoint
from tool_services.listings.market_figures import add_market_endpoint
from tool_services.listings.models import db
from tool_services.listings.outbox import add_outbox_endpoint


def add_endpoints(app: Flask) -> None:
    """Add GET /listings, GET /market, GET and DELETE /outbox, and the command `import`."""
    add_lookup_endpoint(app)
    add_market_endpoint(app)
    add_outbox_endpoint(app)
    add_import_command(app, db, LISTINGS_CSV)

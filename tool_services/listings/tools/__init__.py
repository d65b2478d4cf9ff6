"""The tools of the listings service, a module each."""

from __future__ import annotations

from tool_services.framework.tools import Tool
from tool_services.listings.settings import ListingsSettings
from tool_services.listings.tools.find_listings import find_listings
from tool_services.listings.tools.get_listing import get_listing
from tool_services.listings.tools.send_listing_report import (
    send_listing_report,
    without_mail_server,
)


def tools(settings: ListingsSettings) -> list[Tool]:
    """Return the tools. What the one for reports does depends on whether a mail server is set."""
    has_mail = settings.mail_server is not None
    report = send_listing_report if has_mail else without_mail_server(send_listing_report)
    return [find_listings, get_listing, report]

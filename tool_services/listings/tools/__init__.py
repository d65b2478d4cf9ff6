"""The tools of the listings service, a module each."""

from __future__ import annotations

from tool_services.framework.tools import Tool
from tool_services.listings.report_limits import ReportLimits
from tool_services.listings.settings import ListingsSettings
from tool_services.listings.tools.find_listings import FIND_LISTINGS
from tool_services.listings.tools.send_listing_report import send_listing_report_tool


def tools(settings: ListingsSettings) -> list[Tool]:
    """Return the tools. What the one for reports does depends on whether a mail server is set."""
    limits = ReportLimits(settings.reports_per_sender, settings.reports_per_recipient)
    return [FIND_LISTINGS, send_listing_report_tool(settings.mail_server, limits)]

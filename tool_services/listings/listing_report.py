"""Write a report about some listings, as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template

from tool_services.framework.timestamps import utc_now
from tool_services.framework.tokens import Caller
from tool_services.listings.models import Listing, OutboxMessage
from tool_services.listings.report_limits import recipient_key

_STATUS_COLOURS = {"Active": "#1f7a4d", "Pending": "#946200", "Sold": "#5b6675"}


def write_report(listings: Sequence[Listing], recipient: str, caller: Caller) -> OutboxMessage:
    """Return the report, not stored yet. Needs the service's app context."""
    subject = _subject(listings)
    now = utc_now()
    values = {
        "listings": listings,
        "subject": subject,
        "date": f"{now.day} {now:%B %Y}",
        "status_colours": _STATUS_COLOURS,
    }
    return OutboxMessage(
        UserId=caller.user_id,
        IdempotencyKey=caller.idempotency_key,
        Recipient=recipient,
        RecipientKey=recipient_key(recipient),
        ListingIds=[listing.ListingId for listing in listings],
        Subject=subject,
        Text=render_template("report.txt", **values),
        Html=render_template("report.html", **values),
    )


def _subject(listings: Sequence[Listing]) -> str:
    if len(listings) == 1:
        return f"Listing report: {listings[0].StreetAddress}, {listings[0].City}"
    return f"Listing report: {len(listings)} homes"

"""The sendListingReport tool: a message about some listings, kept in the sender's outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from flask import render_template
from pydantic import Field

from tool_services.database import iso_utc
from tool_services.listing_ids import LISTING_IDS_SCHEMA
from tool_services.listings.models import Listing, OutboxMessage
from tool_services.listings.outbox import store_once
from tool_services.listings.search import listings_by_id
from tool_services.tokens import Caller
from tool_services.tools import (
    Annotations,
    JsonObject,
    Moment,
    Tool,
    ToolResult,
    arguments_schema,
)


class SentReport(ToolResult):
    """What sendListingReport answers."""

    sent: bool
    recipient_email: str
    listing_ids: list[str]
    subject: str
    sent_at: Moment
    delivery: Annotated[Literal["outbox"], Field(description="Where it went")]


def send_listing_report(arguments: JsonObject, caller: Caller) -> SentReport:
    """Put the report into the caller's outbox; a repeated call answers as the first one did."""
    listings = listings_by_id(arguments["listingIds"])
    sent = store_once(_compose(listings, arguments["recipientEmail"], caller))
    return SentReport(
        sent=True,
        recipient_email=sent.Recipient,
        listing_ids=sent.ListingIds,
        subject=sent.Subject,
        sent_at=iso_utc(sent.CreatedAt),
        delivery="outbox",
    )


def _compose(listings: Sequence[Listing], recipient: str, caller: Caller) -> OutboxMessage:
    subject = _subject(listings)
    return OutboxMessage(
        UserId=caller.user_id,
        IdempotencyKey=caller.idempotency_key,
        Recipient=recipient,
        ListingIds=[listing.ListingId for listing in listings],
        Subject=subject,
        Text=render_template("report.txt", listings=listings),
        Html=render_template("report.html", listings=listings, subject=subject),
    )


def _subject(listings: Sequence[Listing]) -> str:
    if len(listings) == 1:
        return f"Listing report: {listings[0].StreetAddress}, {listings[0].City}"
    return f"Listing report: {len(listings)} homes"


SEND_LISTING_REPORT = Tool(
    name="sendListingReport",
    description=(
        "Sends a report about the listings to one e-mail address. "
        "Only when the user has asked for it and named the recipient."
    ),
    input_schema=arguments_schema(
        {
            "listingIds": LISTING_IDS_SCHEMA,
            "recipientEmail": {
                "type": "string",
                "description": "E-mail address of the recipient",
                "format": "email",
                "maxLength": 254,
            },
        },
        required=("listingIds", "recipientEmail"),
    ),
    output=SentReport,
    annotations=Annotations(
        title="Send a listing report",
        readOnlyHint=False,
        idempotentHint=True,
        destructiveHint=False,
        openWorldHint=True,
    ),
    handler=send_listing_report,
)

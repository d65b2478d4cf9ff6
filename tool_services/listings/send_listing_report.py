"""The sendListingReport tool: a message about some listings, by e-mail or into the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from flask import render_template
from pydantic import Field

from tool_services.framework.database import iso_utc
from tool_services.framework.mail import MailServer
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import (
    Annotations,
    JsonObject,
    Moment,
    Part,
    Tool,
    ToolResult,
    arguments_schema,
)
from tool_services.listings.delivery import deliver
from tool_services.listings.find_listings import listings_by_id
from tool_services.listings.listing_ids import LISTING_IDS_SCHEMA
from tool_services.listings.models import Listing, OutboxMessage
from tool_services.listings.outbox import store_once

_COLOURS = {"Active": "#1f7a4d", "Pending": "#946200", "Sold": "#5b6675"}


class SentReport(ToolResult):
    """What sendListingReport answers."""

    sent: bool
    recipient_email: str
    listing_ids: list[str]
    subject: str
    sent_at: Moment
    delivery: Annotated[
        Literal["email", "outbox"],
        Field(description="Where it went: an outbox is only for the sender to read"),
    ]


def listing_report_tool(server: MailServer | None) -> Tool:
    """The tool; without a mail server reports stay in the outbox."""

    def send_listing_report(arguments: JsonObject, caller: Caller) -> SentReport:
        listings = listings_by_id(arguments["listingIds"])
        message = _compose(listings, arguments["recipientEmail"], caller)
        message.Delivery = "waiting" if server else "kept"
        sent = store_once(message)
        if server and sent.Delivery != "kept":
            sent = deliver(sent.Id, server)
        return SentReport(
            sent=True,
            recipient_email=sent.Recipient,
            listing_ids=sent.ListingIds,
            subject=sent.Subject,
            sent_at=iso_utc(sent.CreatedAt),
            delivery="email" if sent.Delivery == "sent" else "outbox",
        )

    return Tool(
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
                    "title": "To",
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
        preview=_preview,
    )


def _preview(arguments: JsonObject, caller: Caller) -> Sequence[Part]:
    message = _compose(listings_by_id(arguments["listingIds"]), arguments["recipientEmail"], caller)
    html = render_template(
        "preview.html",
        subject=message.Subject,
        recipient=message.Recipient,
        text=message.Text.strip(),
    )
    return [Part("letter.html", "text/html", html)]


def _compose(listings: Sequence[Listing], recipient: str, caller: Caller) -> OutboxMessage:
    subject = _subject(listings)
    one = len(listings) == 1
    shown = {
        "listings": listings,
        "subject": subject,
        "intro": f"Here {'is the home' if one else 'are the homes'} that you were sent.",
        "colours": _COLOURS,
    }
    return OutboxMessage(
        UserId=caller.user_id,
        IdempotencyKey=caller.idempotency_key,
        Recipient=recipient,
        ListingIds=[listing.ListingId for listing in listings],
        Subject=subject,
        Text=render_template("report.txt", **shown),
        Html=render_template("report.html", **shown),
    )


def _subject(listings: Sequence[Listing]) -> str:
    if len(listings) == 1:
        return f"Listing report: {listings[0].StreetAddress}, {listings[0].City}"
    return f"Listing report: {len(listings)} homes"

"""The sendListingReport tool: a report by e-mail, or in the outbox if no mail server is set up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from tool_services.framework.display import DisplayPart, card
from tool_services.framework.progress import Progress
from tool_services.framework.running import running
from tool_services.framework.schemas import EmailAddress, Timestamp, ToolResult
from tool_services.framework.timestamps import iso_utc
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import Tool, tool
from tool_services.listings.delivery import deliver
from tool_services.listings.errors import EmailUnverifiedError
from tool_services.listings.listing_ids import ListingIds
from tool_services.listings.listing_report import write_report
from tool_services.listings.lookup import listings_by_id
from tool_services.listings.models import OutboxMessage
from tool_services.listings.outbox import store_once
from tool_services.listings.report_limits import ReportLimits
from tool_services.listings.scopes import SEND_SCOPE
from tool_services.listings.settings import ListingsSettings

Recipient = Annotated[EmailAddress, Field(title="To", description="E-mail address")]


class ReportOutcome(ToolResult):
    """The result of sendListingReport."""

    sent: Annotated[bool, Field(description="True only if a mail server has accepted the report")]
    message: Annotated[str, Field(description="What happened; tell the user this")]
    delivery: Literal["email", "outbox"]
    recipient_email: str
    listing_ids: list[str]
    subject: str
    sent_at: Annotated[Timestamp | None, Field(description="Null if it was not sent")]

    @classmethod
    def of(cls, stored: OutboxMessage) -> ReportOutcome:
        sent = stored.Delivery == "sent"
        return cls(
            sent=sent,
            message=_sent(stored.Recipient) if sent else _kept(stored.Recipient),
            delivery="email" if sent else "outbox",
            recipient_email=stored.Recipient,
            listing_ids=stored.ListingIds,
            subject=stored.Subject,
            sent_at=iso_utc(stored.ClaimedAt) if sent and stored.ClaimedAt else None,
        )

    def shown(self) -> Sequence[DisplayPart]:
        return [card("outcome.html", outcome=self)]

    def in_words(self) -> str:
        return "sent" if self.sent else "not sent"


def _sent(recipient: str) -> str:
    return f"The report was sent to {recipient}."


def _kept(recipient: str) -> str:
    return (
        f"The report was put in the outbox. It was not sent to {recipient}: no mail server is set"
        " up."
    )


# The outbox is the ledger: it also knows how far the sending of a report has come.
@tool(
    title="Send a listing report",
    ask_first=True,
    repeatable=True,
    reaches_out=True,
    scope=SEND_SCOPE,
    words="Sending|Sent a report on {listingIds} to {recipientEmail}",
)
def send_listing_report(
    listing_ids: ListingIds, recipient_email: Recipient, caller: Caller, progress: Progress
) -> ReportOutcome:
    """Sends a report about listings to one e-mail address. Only when the user has asked for it and
    named the recipient."""
    settings: ListingsSettings = running().settings
    server = settings.mail_server
    if server and not caller.email_verified:
        raise EmailUnverifiedError
    report = write_report(listings_by_id(listing_ids), recipient_email, caller)
    report.Delivery = "waiting" if server else "kept"
    limits = ReportLimits(settings.reports_per_sender, settings.reports_per_recipient)
    stored = store_once(report, limits)
    if server and stored.Delivery != "kept":
        progress.report(1, 2, "Handing the report to the mail server")
        stored = deliver(stored.Id, server)
    return ReportOutcome.of(stored)


@send_listing_report.preview
def show_report(
    listing_ids: ListingIds, recipient_email: Recipient, caller: Caller
) -> Sequence[DisplayPart]:
    """Show the report word for word."""
    listings = listings_by_id(listing_ids)
    report = write_report(listings, recipient_email, caller)
    settings: ListingsSettings = running().settings
    part = card(
        "preview.html",
        subject=report.Subject,
        recipient=report.Recipient,
        addresses=[listing.full_address for listing in listings],
        text=report.Text.strip(),
        has_mail_server=settings.mail_server is not None,
    )
    return [replace(part, name="report.html")]


def without_mail_server(sending: Tool) -> Tool:
    """Return the tool as it describes itself where reports stay in the outbox."""
    return replace(
        sending,
        title="Put a listing report in the outbox",
        words="Putting|Put a report on {listingIds} in the outbox, for {recipientEmail}",
        description=(
            "Puts a report about listings for one e-mail address in the user's outbox. It is not"
            " sent: no mail server is set up. Only when the user has asked for it and named the"
            " recipient."
        ),
    )

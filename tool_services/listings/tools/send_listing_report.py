"""The sendListingReport tool: a report by e-mail, or in the outbox if no mail server is set up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from flask import render_template
from pydantic import Field

from tool_services.framework.mail import MailServer
from tool_services.framework.schemas import EmailAddress, Timestamp, ToolArguments, ToolResult
from tool_services.framework.timestamps import iso_utc
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import Annotations, DisplayPart, Tool, ToolOutput
from tool_services.listings.delivery import deliver
from tool_services.listings.errors import EmailUnverifiedError
from tool_services.listings.listing_ids import ListingIds
from tool_services.listings.listing_report import write_report
from tool_services.listings.lookup import listings_by_id
from tool_services.listings.models import OutboxMessage
from tool_services.listings.outbox import store_once
from tool_services.listings.report_limits import ReportLimits
from tool_services.listings.scopes import SEND_SCOPE

_WITH_MAIL = "Sends a report about the listings to one e-mail address."
_WITHOUT_MAIL = (
    "Writes a report about the listings to one e-mail address and puts it in the user's outbox. "
    "It is not sent: no mail server is set up."
)
_WHEN = "Only when the user has asked for it and named the recipient."


class ReportRequest(ToolArguments):
    """The arguments of sendListingReport."""

    listing_ids: ListingIds
    recipient_email: Annotated[
        EmailAddress, Field(title="To", description="E-mail address of the recipient")
    ]


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


def _sent(recipient: str) -> str:
    return f"The report was sent to {recipient}."


def _kept(recipient: str) -> str:
    return (
        f"The report was put in the outbox. It was not sent to {recipient}: no mail server is set"
        " up."
    )


def send_listing_report_tool(server: MailServer | None, limits: ReportLimits) -> Tool:
    """Return the tool. Without a mail server, reports stay in the outbox."""
    return Tool(
        name="sendListingReport",
        description=f"{_WITH_MAIL if server else _WITHOUT_MAIL} {_WHEN}",
        arguments_type=ReportRequest,
        result_type=ReportOutcome,
        annotations=Annotations(
            title="Send a listing report" if server else "Put a listing report in the outbox",
            readOnlyHint=False,
            idempotentHint=True,
            destructiveHint=False,
            openWorldHint=True,
        ),
        handler=partial(_send_report, server, limits),
        previewer=partial(_preview, server is not None),
        scope=SEND_SCOPE,
    )


def _send_report(
    server: MailServer | None, limits: ReportLimits, arguments: ReportRequest, caller: Caller
) -> ToolOutput:
    if server and not caller.email_verified:
        raise EmailUnverifiedError
    listings = listings_by_id(arguments.listing_ids)
    report = write_report(listings, arguments.recipient_email, caller)
    report.Delivery = "waiting" if server else "kept"
    stored = store_once(report, limits)
    if server and stored.Delivery != "kept":
        stored = deliver(stored.Id, server)
    outcome = ReportOutcome.of(stored)
    return ToolOutput(outcome, partial(_display, outcome))


def _display(outcome: ReportOutcome) -> Sequence[DisplayPart]:
    html = render_template("outcome.html", outcome=outcome)
    return [DisplayPart("outcome.html", "text/html", html)]


def _preview(
    has_mail_server: bool, arguments: ReportRequest, caller: Caller
) -> Sequence[DisplayPart]:
    listings = listings_by_id(arguments.listing_ids)
    report = write_report(listings, arguments.recipient_email, caller)
    html = render_template(
        "preview.html",
        subject=report.Subject,
        recipient=report.Recipient,
        addresses=[listing.full_address for listing in listings],
        text=report.Text.strip(),
        has_mail_server=has_mail_server,
    )
    return [DisplayPart("report.html", "text/html", html)]

"""Send the reports in the outbox by e-mail, each at most once, by any number of processes."""

from __future__ import annotations

import logging
from datetime import timedelta

import gevent
from sqlalchemy import Update, update

from tool_services.framework.mail import Email, MailError, MailServer, OutcomeUnknown
from tool_services.framework.timestamps import utc_now
from tool_services.listings.errors import DeliveryFailedError, DeliveryUnknownError
from tool_services.listings.models import Delivery, OutboxMessage, db

logger = logging.getLogger("tool_services.delivery")

# A process that had a message for so much longer than its time-out is taken to have died.
GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_OUTCOME_UNKNOWN = (
    "The connection to the mail server broke while it received the message, so the message may"
    " have been sent. It is not sent again."
)


def deliver(message_id: int, server: MailServer) -> OutboxMessage:
    """Send the message, or wait while another call sends it. Return it when it was sent.

    Raises DeliveryFailedError if it was not sent, and DeliveryUnknownError if that is unknown.
    """
    limit = server.timeout + 2 * GRACE_SECONDS
    with gevent.Timeout(limit, DeliveryUnknownError(_OUTCOME_UNKNOWN)):
        while True:
            if _claim(message_id, server):
                _send(message_id, server)
            message = db.session.get_one(OutboxMessage, message_id, populate_existing=True)
            state, reason = message.Delivery, message.Reason
            if state in ("sent", "kept"):
                return message
            db.session.rollback()
            if state == "failed":
                raise DeliveryFailedError(reason)
            if state == "unknown":
                raise DeliveryUnknownError(reason)
            gevent.sleep(_POLL_SECONDS)


def _claim(message_id: int, server: MailServer) -> bool:
    """Return whether this call is now the one that sends the message."""
    return _change_state(message_id, "waiting", "claimed") or _reclaim(message_id, server)


def _reclaim(message_id: int, server: MailServer) -> bool:
    """Claim a message that another process claimed before it died.

    If that process had begun to send it, the outcome is unknown, and it is not sent again.
    """
    oldest = utc_now() - timedelta(seconds=server.timeout + GRACE_SECONDS)
    abandoned = (OutboxMessage.Id == message_id, OutboxMessage.ClaimedAt < oldest)
    _updates_one(
        update(OutboxMessage)
        .where(*abandoned, OutboxMessage.Delivery == "going")
        .values(Delivery="unknown", Reason=_OUTCOME_UNKNOWN)
    )
    return _updates_one(
        update(OutboxMessage)
        .where(*abandoned, OutboxMessage.Delivery == "claimed")
        .values(ClaimedAt=utc_now())
    )


def _send(message_id: int, server: MailServer) -> None:
    email = _email(db.session.get_one(OutboxMessage, message_id))
    # Don't hold a database connection while the mail server works.
    db.session.rollback()
    try:
        server.send(email, lambda: _begin_sending(message_id))
    except OutcomeUnknown as error:
        logger.warning("Message %d may have been sent: %r", message_id, error.__cause__)
        _change_state(message_id, "going", "unknown", _OUTCOME_UNKNOWN)
    except MailError as error:
        logger.warning("Message %d was not sent: %s", message_id, error)
        for state in ("going", "claimed"):
            _change_state(message_id, state, "failed", str(error))
    else:
        _change_state(message_id, "going", "sent")


def _email(message: OutboxMessage) -> Email:
    return Email(
        id=f"report-{message.Id}-{message.CreatedAt:%Y%m%d%H%M%S%f}@homestream",
        recipient=message.Recipient,
        subject=message.Subject,
        text=message.Text,
        html=message.Html,
    )


def _begin_sending(message_id: int) -> None:
    """Note that the message may arrive from now on, even if this process dies.

    Called again if the server refuses the message for now. Raises MailError if another process
    has taken the message over in the meantime.
    """
    if not any(_change_state(message_id, state, "going") for state in ("claimed", "going")):
        raise MailError("The message took too long and was given up. Nothing was sent.")


def _change_state(message_id: int, before: Delivery, after: Delivery, reason: str = "") -> bool:
    """Move the message from one state to another. Return whether it was in the first."""
    return _updates_one(
        update(OutboxMessage)
        .where(OutboxMessage.Id == message_id, OutboxMessage.Delivery == before)
        .values(Delivery=after, Reason=reason, ClaimedAt=utc_now())
    )


def _updates_one(statement: Update) -> bool:
    updated = db.session.connection().execute(statement).rowcount == 1
    db.session.commit()
    return updated

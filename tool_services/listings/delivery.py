"""Sending what is in the outbox, each message at most once, whoever is told to and how often."""

from __future__ import annotations

import logging
from datetime import timedelta

import gevent
from sqlalchemy import Update, update

from tool_services.framework.database import utc_now
from tool_services.framework.errors import DeliveryFailedError, DeliveryUnknownError
from tool_services.framework.mail import Letter, MailError, MailServer, MailUnknown
from tool_services.listings.models import Delivery, OutboxMessage, db

logger = logging.getLogger("tool_services.delivery")

# A process that has had a message for so much longer than it may take has died with it.
GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_UNKNOWN = (
    "The connection broke while the mail server was taking the message, so it may have arrived."
    " It isn't sent again."
)


def deliver(message_id: int, server: MailServer) -> OutboxMessage:
    """Send the message if nobody has, or wait for who is just sending it; then the message.

    Raises DeliveryFailedError when nothing was sent and DeliveryUnknownError when nobody knows.
    """
    patience = gevent.Timeout(server.timeout + 2 * GRACE_SECONDS, DeliveryUnknownError(_UNKNOWN))
    with patience:
        while True:
            if _moved(message_id, "waiting", "claimed") or _take_from_the_dead(message_id, server):
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
            gevent.sleep(_LOOK_SECONDS)


def _send(message_id: int, server: MailServer) -> None:
    message = db.session.get_one(OutboxMessage, message_id)
    letter = Letter(
        id=f"report-{message.Id}-{message.CreatedAt:%Y%m%d%H%M%S%f}@homestream",
        recipient=message.Recipient,
        subject=message.Subject,
        text=message.Text,
        html=message.Html,
    )
    # No connection may be held while the mail server takes its time.
    db.session.rollback()
    try:
        server.hand_over(letter, lambda: _go(message_id))
    except MailUnknown as error:
        logger.warning("Message %d may have been sent: %r", message_id, error.__cause__)
        _moved(message_id, "going", "unknown", _UNKNOWN)
    except MailError as error:
        logger.warning("Message %d was not sent: %s", message_id, error)
        _ = _moved(message_id, "going", "failed", str(error)) or _moved(
            message_id, "claimed", "failed", str(error)
        )
    else:
        _moved(message_id, "going", "sent")


def _go(message_id: int) -> None:
    """From here on the message may be gone, even if this process dies. It may come here again
    after a refusal; but not once somebody else has taken it for dead."""
    if not (_moved(message_id, "claimed", "going") or _moved(message_id, "going", "going")):
        raise MailError("The message took too long and was given up; nothing was sent.")


def _moved(message_id: int, before: Delivery, after: Delivery, reason: str = "") -> bool:
    """Whether the message went from one state to the other by this very call."""
    statement = (
        update(OutboxMessage)
        .where(OutboxMessage.Id == message_id, OutboxMessage.Delivery == before)
        .values(Delivery=after, Reason=reason, ClaimedAt=utc_now())
    )
    return _changed_one(statement)


def _take_from_the_dead(message_id: int, server: MailServer) -> bool:
    """Take over what its sender had not begun to send when it died. What it had may be gone."""
    longest = timedelta(seconds=server.timeout + GRACE_SECONDS)
    late = (OutboxMessage.Id == message_id, OutboxMessage.ClaimedAt < utc_now() - longest)
    gone = (
        update(OutboxMessage)
        .where(*late, OutboxMessage.Delivery == "going")
        .values(Delivery="unknown", Reason=_UNKNOWN)
    )
    _changed_one(gone)
    again = (
        update(OutboxMessage)
        .where(*late, OutboxMessage.Delivery == "claimed")
        .values(ClaimedAt=utc_now())
    )
    return _changed_one(again)


def _changed_one(statement: Update) -> bool:
    changed = db.session.connection().execute(statement).rowcount == 1
    db.session.commit()
    return changed

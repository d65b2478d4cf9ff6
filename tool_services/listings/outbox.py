"""The outbox: what was sent, for its sender to read, and the proof that a call was done once."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from tool_services.framework.database import iso_utc
from tool_services.framework.errors import IdempotencyConflictError
from tool_services.framework.tokens import TokenVerifier
from tool_services.framework.tools import JsonObject
from tool_services.listings.models import Delivery, OutboxMessage, db

READ_SCOPE = "outbox:read"
MOST_MESSAGES = 100
# Who reads it need not know in whose hands it is just now.
_TOLD: dict[Delivery, str] = {
    **dict.fromkeys(("waiting", "claimed", "going"), "under way"),
    **{state: state for state in ("kept", "sent", "failed", "unknown")},
}


def store_once(message: OutboxMessage) -> OutboxMessage:
    """Store the message, unless its user has stored one under its key: then that one is returned.

    Raises IdempotencyConflictError when the earlier one went to somebody else or on other listings.
    """
    earlier = _earlier(message) or _insert(message)
    if (earlier.Recipient, earlier.ListingIds) != (message.Recipient, message.ListingIds):
        raise IdempotencyConflictError(
            "This Idempotency-Key was used before with other arguments; "
            "a new call needs a key of its own."
        )
    return earlier


def _insert(message: OutboxMessage) -> OutboxMessage:
    user_id, key = message.UserId, message.IdempotencyKey
    db.session.add(message)
    try:
        db.session.commit()
    except IntegrityError:
        # A twin of this call was faster between the look and the insert.
        db.session.rollback()
        return db.session.scalars(_by_key(user_id, key)).one()
    return message


def _earlier(message: OutboxMessage) -> OutboxMessage | None:
    if message.IdempotencyKey is None:
        return None
    return db.session.scalar(_by_key(message.UserId, message.IdempotencyKey))


def _by_key(user_id: str, key: str | None) -> Select[OutboxMessage]:
    return select(OutboxMessage).filter_by(UserId=user_id, IdempotencyKey=key)


def serve_outbox(app: Flask, verifier: TokenVerifier) -> None:
    """Add GET /outbox: the caller's own messages, newest first."""

    @app.get("/outbox")
    def show_outbox() -> Response:
        caller = verifier.caller(request.headers.get("Authorization"), READ_SCOPE)
        own = select(OutboxMessage).filter_by(UserId=caller.user_id)
        newest = own.order_by(OutboxMessage.Id.desc()).limit(MOST_MESSAGES)
        return jsonify(messages=[_message_json(one) for one in db.session.scalars(newest)])


def _message_json(message: OutboxMessage) -> JsonObject:
    return {
        "id": message.Id,
        "recipient": message.Recipient,
        "subject": message.Subject,
        "text": message.Text,
        "html": message.Html,
        "createdAt": iso_utc(message.CreatedAt),
        "delivery": _TOLD[message.Delivery],
        "reason": message.Reason,
    }

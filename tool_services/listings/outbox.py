"""The outbox: reports stored once for each call. GET /outbox shows a person's own, and DELETE
/outbox deletes them, when the person's account is."""

from __future__ import annotations

from flask import Flask, Response, jsonify
from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError

from tool_services.framework.errors import IdempotencyConflictError
from tool_services.framework.running import verify_caller
from tool_services.framework.schemas import JsonObject
from tool_services.framework.timestamps import iso_utc
from tool_services.listings.errors import TooManyReportsError
from tool_services.listings.models import Delivery, OutboxMessage, db
from tool_services.listings.report_limits import ReportLimits
from tool_services.listings.scopes import ERASE_SCOPE, OUTBOX_SCOPE

MAX_MESSAGES = 100
# Readers need not know which process has a report at the moment.
_PUBLIC_STATES: dict[Delivery, str] = {
    **dict.fromkeys(("waiting", "claimed", "going"), "under way"),
    **{state: state for state in ("kept", "sent", "failed", "unknown")},
}


def add_outbox_endpoint(app: Flask) -> None:
    """Add GET /outbox, the caller's own messages, newest first, and DELETE /outbox."""

    @app.get("/outbox")
    def show_outbox() -> Response:
        caller = verify_caller(OUTBOX_SCOPE)
        own = select(OutboxMessage).filter_by(UserId=caller.user_id)
        newest = own.order_by(OutboxMessage.Id.desc()).limit(MAX_MESSAGES)
        return jsonify(messages=list(map(_as_json, db.session.scalars(newest))))

    @app.delete("/outbox")
    def erase_outbox() -> Response:
        caller = verify_caller(ERASE_SCOPE)
        db.session.execute(delete(OutboxMessage).where(OutboxMessage.UserId == caller.user_id))
        db.session.commit()
        return jsonify(messages=[])


def store_once(message: OutboxMessage, limits: ReportLimits) -> OutboxMessage:
    """Store the message, or return the one that its user stored earlier under the same key.

    Raises IdempotencyConflictError if that one has another recipient or other listings, and
    TooManyReportsError if there is none and the limits are reached.
    """
    stored = _find(message) or _insert(message, limits)
    if (stored.Recipient, stored.ListingIds) != (message.Recipient, message.ListingIds):
        raise IdempotencyConflictError(
            "This Idempotency-Key was used before, with other arguments. Use another key."
        )
    return stored


def _find(message: OutboxMessage) -> OutboxMessage | None:
    if message.IdempotencyKey is None:
        return None
    return db.session.scalar(_by_key(message.UserId, message.IdempotencyKey))


def _insert(message: OutboxMessage, limits: ReportLimits) -> OutboxMessage:
    user_id, key = message.UserId, message.IdempotencyKey
    db.session.add(message)
    try:
        db.session.flush()
        limits.check(message)
        db.session.commit()
    except TooManyReportsError:
        db.session.rollback()
        raise
    except IntegrityError:
        # The same call, made at the same time, was stored between the look-up and the insert.
        db.session.rollback()
        return db.session.scalars(_by_key(user_id, key)).one()
    return message


def _by_key(user_id: str, key: str | None) -> Select[OutboxMessage]:
    return select(OutboxMessage).filter_by(UserId=user_id, IdempotencyKey=key)


def _as_json(message: OutboxMessage) -> JsonObject:
    return {
        "id": message.Id,
        "recipient": message.Recipient,
        "subject": message.Subject,
        "text": message.Text,
        "html": message.Html,
        "createdAt": iso_utc(message.CreatedAt),
        "delivery": _PUBLIC_STATES[message.Delivery],
        "reason": message.Reason,
    }

"""A log of what matters to the security of accounts. Rows are only added, and forgotten in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, cast

from flask import Flask, current_app
from sqlalchemy import select

from app.auth.place import Place
from app.db.models import SecurityEvent, db, utc_now

Kind = Literal[
    "signed_up",
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "sessions_ended",
    "token_reused",
    "name_changed",
    "password_changed",
    "password_confirmed",
    "password_refused",
    "approval_decided",
    "token_exchanged",
    "data_downloaded",
    "deletion_asked",
    "deletion_taken_back",
    "account_deleted",
    "reset_asked",
    "password_reset",
    "email_verified",
    "email_change_asked",
    "email_change_cancelled",
    "email_changed",
    "invitation_made",
    "invitation_revoked",
]
SENTENCES: dict[str, str] = {
    "signed_up": "The account was made",
    "signed_in": "Signed in",
    "sign_in_failed": "A log-in was refused: wrong password",
    "signed_out": "Signed out",
    "sessions_ended": "Signed out elsewhere",
    "token_reused": "A session was ended, since a copy of its refresh token was used",
    "name_changed": "The name was changed",
    "password_changed": "The password was changed",
    "password_confirmed": "The password was given again",
    "password_refused": "A wrong password was given again",
    "approval_decided": "An approval was decided",
    "token_exchanged": "A program got a token for a tool service",
    "data_downloaded": "All data of the account was downloaded",
    "deletion_asked": "The account is to be deleted in a week",
    "deletion_taken_back": "The account is kept after all",
    "account_deleted": "The account was deleted",
    "reset_asked": "A mail to set a new password was asked for",
    "password_reset": "A new password was set by the link in a mail",
    "email_verified": "The e-mail address was confirmed",
    "email_change_asked": "A change of the e-mail address was asked for",
    "email_change_cancelled": "The change of the e-mail address was cancelled",
    "email_changed": "The e-mail address was changed",
    "invitation_made": "An invitation to sign up was made",
    "invitation_revoked": "An invitation to sign up was taken back",
}
PAGE_LENGTH = 100
_LONGEST_DETAIL = 200


def init_app(app: Flask, kept_days: int) -> None:
    app.extensions["security_log_kept"] = timedelta(days=kept_days)


def note(kind: Kind, user_id: str | None, place: Place, detail: str = "") -> None:
    """Add an event, and forget what is older than SECURITY_LOG_DAYS. Commits the transaction.

    `detail` is a short text for people: never a password, a token or a code.
    """
    kept = cast(timedelta, current_app.extensions["security_log_kept"])
    table = SecurityEvent.__table__
    db.session.execute(table.delete().where(SecurityEvent.at < utc_now() - kept))
    event = SecurityEvent(
        kind=kind,
        user_id=user_id,
        address=place.address,
        device=place.device,
        detail=detail[:_LONGEST_DETAIL],
    )
    db.session.add(event)
    db.session.commit()


def latest(user_id: str | None) -> list[SecurityEvent]:
    """List the latest events of a person, or with None those of everybody, newest first."""
    query = select(SecurityEvent).order_by(SecurityEvent.at.desc(), SecurityEvent.id)
    if user_id is not None:
        query = query.where(SecurityEvent.user_id == user_id)
    return list(db.session.scalars(query.limit(PAGE_LENGTH)))

"""A log of what matters to the security of accounts. Rows are only added, and forgotten in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, cast

from flask import Flask, current_app
from sqlalchemy import Select, select, update

from app.auth.device_names import name_device
from app.auth.place import Place
from app.db.account_models import SecurityEvent
from app.db.models import Person, User, db, iso_utc, utc_now
from app.mail.letters import write_letter
from app.mail.queue import queue_mail
from app.texts import later

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
    "second_factor_added",
    "second_factor_removed",
    "second_factor_used",
    "second_factor_refused",
    "recovery_codes_made",
    "recovery_code_used",
    "passkey_added",
    "passkey_removed",
    "passkey_refused",
    "passkey_confirmed",
    "signed_in_by_passkey",
    "signed_in_by_provider",
    "provider_confirmed",
    "provider_connected",
    "provider_disconnected",
    "reset_asked",
    "password_reset",
    "email_verified",
    "email_change_asked",
    "email_change_cancelled",
    "email_changed",
    "invitation_made",
    "invitation_revoked",
    "new_device",
    "role_changed",
]
SENTENCES: dict[str, str] = {
    "signed_up": later("The account was made"),
    "signed_in": later("Signed in"),
    "sign_in_failed": later("A log-in was refused: wrong password"),
    "signed_out": later("Signed out"),
    "sessions_ended": later("Signed out elsewhere"),
    "token_reused": later("A session was ended, since a copy of its refresh token was used"),
    "name_changed": later("The name was changed"),
    "password_changed": later("The password was changed"),
    "password_confirmed": later("The password was given again"),
    "password_refused": later("A wrong password was given again"),
    "approval_decided": later("An approval was decided"),
    "token_exchanged": later("A program got a token for a tool service"),
    "data_downloaded": later("All data of the account was downloaded"),
    "deletion_asked": later("The account is to be deleted in a week"),
    "deletion_taken_back": later("The account is kept after all"),
    "account_deleted": later("The account was deleted"),
    "second_factor_added": later("An authenticator app was set up"),
    "second_factor_removed": later("The authenticator app was removed"),
    "second_factor_used": later("The second step was taken"),
    "second_factor_refused": later("The password was right, but the second step was refused"),
    "recovery_codes_made": later("New recovery codes were made"),
    "recovery_code_used": later("A recovery code was used for the second step"),
    "passkey_added": later("A passkey was added"),
    "passkey_removed": later("A passkey was removed"),
    "passkey_refused": later("A passkey was refused"),
    "passkey_confirmed": later("A passkey was used in place of the password"),
    "signed_in_by_passkey": later("Signed in with a passkey"),
    "signed_in_by_provider": later("Signed in by a provider"),
    "provider_confirmed": later("Signed in by a provider once more, instead of the password"),
    "provider_connected": later("A provider was connected"),
    "provider_disconnected": later("A provider was disconnected"),
    "reset_asked": later("A mail to set a new password was asked for"),
    "password_reset": later("A new password was set by the link in a mail"),
    "email_verified": later("The e-mail address was confirmed"),
    "email_change_asked": later("A change of the e-mail address was asked for"),
    "email_change_cancelled": later("The change of the e-mail address was cancelled"),
    "email_changed": later("The e-mail address was changed"),
    "invitation_made": later("An invitation to sign up was made"),
    "invitation_revoked": later("An invitation to sign up was taken back"),
    "new_device": later("Signed in on a device that was not seen before"),
    "role_changed": later("The role was changed"),
}
"""In English; pages translate them."""
NOTIFIED = frozenset(
    {
        *("password_changed", "password_reset", "token_reused", "new_device"),
        *("email_change_asked", "email_changed", "data_downloaded", "deletion_asked"),
        *("second_factor_added", "second_factor_removed", "second_factor_refused"),
        *("recovery_codes_made", "recovery_code_used", "passkey_added", "passkey_removed"),
        *("provider_connected", "provider_disconnected", "role_changed"),
    }
)
"""What a person is told by mail, and on their pages until they have seen it."""
_HAS_ITS_OWN_MAIL = frozenset({"email_change_asked"})
PAGE_LENGTH = 100
_LONGEST_DETAIL = 200
_MOST_NOTICES = 5


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
        at=utc_now(),
        kind=kind,
        user_id=user_id,
        address=place.address,
        device=place.device,
        detail=detail[:_LONGEST_DETAIL],
    )
    db.session.add(event)
    if kind in NOTIFIED and user_id is not None:
        _notify(user_id, event)
    db.session.commit()


def unseen_notices(person: Person) -> list[SecurityEvent]:
    """List what a person has not been told yet, newest first."""
    if person.notices_since is None:
        return []
    query = _notices(person.id).where(SecurityEvent.at >= person.notices_since)
    return list(db.session.scalars(query.order_by(SecurityEvent.at.desc()).limit(_MOST_NOTICES)))


def dismiss_notices(user_id: str, until: datetime) -> None:
    """Note that a person has seen the notices up to a time. What came later stays."""
    later = _notices(user_id).where(SecurityEvent.at > until).order_by(SecurityEvent.at)
    next_one = db.session.scalar(later.limit(1))
    seen = update(User).where(User.id == user_id)
    db.session.execute(seen.values(notices_since=next_one.at if next_one else None))
    db.session.commit()


def _notices(user_id: str) -> Select[SecurityEvent]:
    return select(SecurityEvent).where(
        SecurityEvent.user_id == user_id, SecurityEvent.kind.in_(NOTIFIED)
    )


def _notify(user_id: str, event: SecurityEvent) -> None:
    """Have the person's pages tell them, and their mail if the address is known to be theirs."""
    person = db.session.get(User, user_id, populate_existing=True)
    if person is None:
        return
    person.notices_since = person.notices_since or event.at
    if person.email_verified_at is not None and event.kind not in _HAS_ITS_OWN_MAIL:
        device = name_device(event.device)
        letter = write_letter("notice", event=event, sentence=SENTENCES[event.kind], device=device)
        queue_mail(person.email, letter, user_id)


def latest(user_id: str | None) -> list[SecurityEvent]:
    """List the latest events of a person, or with None those of everybody, newest first."""
    query = select(SecurityEvent).order_by(SecurityEvent.at.desc(), SecurityEvent.id)
    if user_id is not None:
        query = query.where(SecurityEvent.user_id == user_id)
    return list(db.session.scalars(query.limit(PAGE_LENGTH)))


def as_json(event: SecurityEvent) -> dict[str, str]:
    """Return an event as JSON for the account's owner, with what the browser called itself."""
    return {
        "at": iso_utc(event.at),
        "kind": event.kind,
        "address": event.address,
        "device": event.device,
        "detail": event.detail,
    }

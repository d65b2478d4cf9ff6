"""A new password by a link that goes to the account's address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, func, update

from app.auth import accounts, security_log, session_table
from app.auth.links import read_link, sign_link
from app.auth.place import Place
from app.auth.rate_limits import digest
from app.db.account_models import AuthenticatorApp, Identity, Passkey, RecoveryCode, UserSession
from app.db.changes import count_changed
from app.db.models import User, db, utc_now
from app.errors import LinkGone
from app.mail.letters import write_letter
from app.mail.queue import queue_mail

MINUTES = 30
_PURPOSE = "password reset"
_NO_ACCOUNT = "There is no account with this address."


def ask_for_reset(email: str, link: Callable[[str], str], place: Place) -> None:
    """Queue a mail with a link if there is an account. It is as much work if there is none.

    `link` makes a link of its token.
    """
    person = accounts.find(email)
    token = sign_link(_PURPOSE, [person.id if person else "0" * 32, _state(person)])
    letter = write_letter("password_reset", link=link(token), minutes=MINUTES)
    user_id = person.id if person else None
    queue_mail(email, letter, user_id, nobody="" if person else _NO_ACCOUNT)
    security_log.note("reset_asked", user_id, place)


def person_of(token: str) -> User:
    """Return the account whose link this is. Raises LinkGone."""
    user_id, state = read_link(_PURPOSE, token, MINUTES)
    person = db.session.get(User, user_id)
    if person is None or state != _state(person):
        raise LinkGone
    return person


def reset_password(token: str, given: dict[str, Any], place: Place) -> User:
    """Set a new password, and sign out everywhere. Raises LinkGone and FormErrors.

    The mail has arrived, so the address is confirmed by that, too. If it never was before, somebody
    else may have signed up with it, and every other way in goes.
    """
    person = person_of(token)
    before, was_confirmed = person.password_hash, person.email_verified_at is not None
    new = accounts.hash_new_password(person, given)
    used = (
        update(User)
        .where(User.id == person.id, User.password_hash == before)
        .values(
            password_hash=new,
            email_verified_at=func.coalesce(User.email_verified_at, utc_now()),
        )
    )
    if not count_changed(used):
        db.session.rollback()
        raise LinkGone
    if not was_confirmed:
        _forget_other_ways_in(person.id)
    session_table.end(UserSession.user_id == person.id)
    security_log.note("password_reset", person.id, place)
    return person


def _forget_other_ways_in(user_id: str) -> None:
    for table in (AuthenticatorApp, RecoveryCode, Passkey, Identity):
        db.session.execute(delete(table).where(table.user_id == user_id))


def _state(person: User | None) -> str:
    """What a link is bound to: it is of no use once the password or the address has changed."""
    return digest(f"{person.password_hash} {person.email}" if person else "")

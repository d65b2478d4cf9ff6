"""A change of a person's address, which the old and the new address have to confirm.

An old address that was never confirmed has no say: its person may have mistyped it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app.auth import accounts, security_log, session_table
from app.auth.links import read_link, sign_link
from app.auth.place import Place
from app.db.account_models import EmailChange
from app.db.changes import count_changed
from app.db.models import Person, User, db, utc_now
from app.errors import LinkGone
from app.mail.letters import write_letter
from app.mail.queue import queue_mail

HOURS = 24
_PURPOSE = "email change"
_SIDES = {"old": EmailChange.old_confirmed_at, "new": EmailChange.new_confirmed_at}


def ask_for_change(
    person: Person, session_id: str, new_email: str, link: Callable[[str], str], place: Place
) -> None:
    """Store the change, and queue a mail to both addresses.

    An address that has an account gets a mail that says so, and the person the same reply.
    """
    cancel_change(person.id)
    now = utc_now()
    change = EmailChange(
        user_id=person.id,
        session_id=session_id,
        new_email=new_email,
        old_confirmed_at=None if person.email_verified_at else now,
        expires_at=now + timedelta(hours=HOURS),
    )
    db.session.add(change)
    db.session.flush()
    values = {"new_email": new_email, "hours": HOURS, "confirms": bool(person.email_verified_at)}
    old = sign_link(_PURPOSE, [change.id, "old"])
    queue_mail(person.email, write_letter("change_old", link=link(old), **values), person.id)
    new = link(sign_link(_PURPOSE, [change.id, "new"]))
    if accounts.find(new_email):
        letter = write_letter("address_taken")
    else:
        letter = write_letter("change_new", link=new, **values)
    queue_mail(new_email, letter, person.id)
    security_log.note("email_change_asked", person.id, place)


def change_of(user_id: str) -> EmailChange | None:
    """Return the change that a person has asked for and not finished."""
    query = select(EmailChange).where(EmailChange.user_id == user_id)
    return db.session.scalar(query.where(EmailChange.expires_at > utc_now()))


def read_change(token: str) -> tuple[EmailChange, str]:
    """Return a link's change, and which side the link is of: old or new. Raises LinkGone."""
    change_id, side = read_link(_PURPOSE, token, HOURS * 60)
    change = db.session.get(EmailChange, change_id, populate_existing=True)
    if change is None or change.expires_at <= utc_now():
        raise LinkGone
    return change, side


def confirm_change(token: str, place: Place) -> bool:
    """Confirm the link's side, and change the address if that was the last one.

    Return whether the address is changed. Raises LinkGone.
    """
    change, side = read_change(token)
    confirmed = update(EmailChange).where(EmailChange.id == change.id)
    db.session.execute(confirmed.values({_SIDES[side]: utc_now()}))
    db.session.commit()
    change, _ = read_change(token)
    if change.old_confirmed_at is None or change.new_confirmed_at is None:
        return False
    _carry_out(change, place)
    return True


def cancel_change(user_id: str) -> None:
    """Forget a person's change, if there is one."""
    db.session.execute(delete(EmailChange).where(EmailChange.user_id == user_id))
    db.session.commit()


def _carry_out(change: EmailChange, place: Place) -> None:
    """Change the address, once. Raises LinkGone if it has an account by now."""
    gone = count_changed(delete(EmailChange).where(EmailChange.id == change.id))
    person = db.session.get(User, change.user_id, populate_existing=True)
    if not gone or person is None:
        db.session.rollback()
        raise LinkGone
    letter = write_letter("address_changed", new_email=change.new_email)
    queue_mail(person.email, letter, person.id)
    person.email, person.email_verified_at = change.new_email, utc_now()
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise LinkGone from None
    session_table.end_others(person.id, change.session_id)
    security_log.note("email_changed", person.id, place)

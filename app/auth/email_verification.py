"""A person shows that their address is theirs, by a link that goes to it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, update

from app.auth import security_log
from app.auth.links import read_link, sign_link
from app.auth.place import Place
from app.db.changes import count_changed
from app.db.models import User, db, utc_now
from app.errors import LinkGone
from app.mail.letters import write_letter
from app.mail.queue import queue_mail

HOURS = 24
_PURPOSE = "email verification"


def queue_verification(user_id: str, email: str, link: Callable[[str], str]) -> None:
    """Add a mail with a link to the current transaction. `link` makes a link of its token."""
    token = sign_link(_PURPOSE, [user_id, email])
    queue_mail(email, write_letter("verify_email", link=link(token), hours=HOURS), user_id)


def email_of(token: str) -> str:
    """Return the address that a link confirms. Raises LinkGone."""
    return str(read_link(_PURPOSE, token, HOURS * 60)[1])


def verify_email(token: str, place: Place) -> None:
    """Confirm the address, if it is still the account's. Doing it again changes nothing.

    Raises LinkGone.
    """
    user_id, email = read_link(_PURPOSE, token, HOURS * 60)
    confirmed = (
        update(User)
        .where(User.id == user_id, User.email == email)
        .values(email_verified_at=func.coalesce(User.email_verified_at, utc_now()))
    )
    if not count_changed(confirmed):
        db.session.rollback()
        raise LinkGone
    security_log.note("email_verified", user_id, place)

"""Signing up where mails are sent, or an address has to be confirmed: that makes the account.

So the reply to a sign-up is the same whether the address has an account or not: the mail says
which. The link alone makes no account: somebody may have signed up with another person's address,
and that person must not open an account whose password somebody else knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from app.auth import accounts, passwords
from app.auth.accounts import FormErrors
from app.auth.invitations import invitation_digest, use_invitation
from app.auth.links import read_link, sign_link
from app.auth.password_rules import LONGEST
from app.db.account_models import PendingSignUp
from app.db.changes import count_changed
from app.db.models import User, db, utc_now
from app.errors import LinkGone
from app.mail.letters import write_letter
from app.mail.queue import queue_mail
from app.texts import later

HOURS = 24
_PURPOSE = "sign-up"


def ask_for_account(given: dict[str, Any], invitation: str, link: Callable[[str], str]) -> None:
    """Store the account to be, and queue the mail. Raises FormErrors.

    It is as much work if the address has an account. Then nobody gets the link.
    """
    person = accounts.check_sign_up(given)
    pending = PendingSignUp(
        email=person.email,
        name=person.name,
        password_hash=person.password_hash,
        invitation_digest=invitation_digest(invitation) if invitation else None,
        expires_at=utc_now() + timedelta(hours=HOURS),
    )
    db.session.add(pending)
    db.session.flush()
    token = sign_link(_PURPOSE, pending.id)
    free = write_letter("sign_up", link=link(token), hours=HOURS)
    taken = write_letter("address_taken")
    queue_mail(person.email, taken if accounts.find(person.email) else free, None)
    db.session.commit()


def pending_of(token: str) -> PendingSignUp:
    """Return the account to be whose link this is. Raises LinkGone."""
    pending = db.session.get(PendingSignUp, read_link(_PURPOSE, token, HOURS * 60))
    if pending is None:
        raise LinkGone
    return pending


def make_account(token: str, password: str) -> User:
    """Make the account, for who has the link and the password. Raises LinkGone and FormErrors."""
    pending = pending_of(token)
    fits = len(password) <= LONGEST and passwords.verify_password(pending.password_hash, password)
    if not fits:
        raise FormErrors(
            {"password": later("This is not the password that was chosen.")}, status=401
        )
    if not count_changed(delete(PendingSignUp).where(PendingSignUp.id == pending.id)):
        db.session.rollback()
        raise LinkGone
    if pending.invitation_digest is not None:
        use_invitation(pending.invitation_digest)
    person = User(
        email=pending.email,
        name=pending.name,
        password_hash=pending.password_hash,
        email_verified_at=utc_now(),
    )
    db.session.add(person)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise LinkGone from None
    return person


def forget_old_sign_ups() -> None:
    """Delete the accounts to be whose day is over."""
    db.session.execute(delete(PendingSignUp).where(PendingSignUp.expires_at < utc_now()))
    db.session.commit()

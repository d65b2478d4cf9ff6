"""Invitations: links with which people sign up where SIGN_UP says that they need one."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, and_, delete, select, update

from app.db.account_models import Invitation
from app.db.changes import count_changed
from app.db.models import db, utc_now
from app.errors import Forbidden
from app.texts import later

MOST_DAYS, MOST_USES = 90, 1_000
_NOT_GOOD = later(
    "This invitation was used already, has ended or was taken back. Ask for a new one."
)


def make_invitation(made_by: str | None, days: int, uses: int = 1) -> str:
    """Store an invitation, and return its code, which is nowhere else."""
    code = secrets.token_urlsafe(24)
    ends = utc_now() + timedelta(days=days)
    invitation = Invitation(
        code_digest=invitation_digest(code), made_by=made_by, expires_at=ends, uses_left=uses
    )
    db.session.add(invitation)
    db.session.commit()
    return code


def open_invitations() -> list[Invitation]:
    """List the invitations that are good, the newest first."""
    query = select(Invitation).where(_is_good()).order_by(Invitation.created_at.desc())
    return list(db.session.scalars(query))


def revoke_invitation(invitation_id: str) -> bool:
    """Take an invitation back. Return whether it was there."""
    removed = count_changed(delete(Invitation).where(Invitation.id == invitation_id))
    db.session.commit()
    return bool(removed)


def check_invitation(code: str) -> None:
    """Check that an invitation is good now. Raises Forbidden."""
    query = select(Invitation.id).where(
        Invitation.code_digest == invitation_digest(code), _is_good()
    )
    if db.session.scalar(query) is None:
        raise Forbidden(_NOT_GOOD)


def use_invitation(code_digest: str) -> None:
    """Use an invitation once, within the current transaction. Raises Forbidden."""
    use = update(Invitation).where(Invitation.code_digest == code_digest, _is_good())
    if not count_changed(use.values(uses_left=Invitation.uses_left - 1)):
        db.session.rollback()
        raise Forbidden(_NOT_GOOD)


def _is_good() -> ColumnElement[bool]:
    return and_(Invitation.uses_left > 0, Invitation.expires_at > utc_now())


def invitation_digest(code: str) -> str:
    """Return the digest of a code, which is all that is stored of it."""
    return sha256(code.encode()).hexdigest()

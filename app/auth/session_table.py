"""The table of sign-in sessions: begin one, renew it, end it, list a person's.

A session has one refresh token at a time, told by its generation: a number that each renewal
raises. A token of an older generation was used before. If that was a moment ago, two tabs renewed
the session at the same time; otherwise somebody has a copy, and the session ends for everybody who
has its tokens. Giving the password again raises the generation too, so that a copy of the tokens of
before is of no use after.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, and_, select, update

from app.auth.place import Place
from app.db.account_models import UserSession
from app.db.changes import count_changed
from app.db.models import db, new_id, utc_now

_SAME_MOMENT = timedelta(seconds=10)


class TokenReused(Exception):
    """Somebody has a copy of a refresh token."""


def begin(
    user_id: str, place: Place, lifetime: timedelta, password_at: datetime | None = None
) -> UserSession:
    """Store a session that begins now, and lasts for `lifetime` unless it is renewed.

    `password_at` is when the person showed who they are, if that wasn't now. Forget
    those of this person that are over for as long.
    """
    now = utc_now()
    old = UserSession.expires_at < now - lifetime
    db.session.execute(UserSession.__table__.delete().where(UserSession.user_id == user_id, old))
    session = UserSession(
        id=new_id(),
        user_id=user_id,
        generation=1,
        created_at=now,
        renewed_at=now,
        password_at=password_at or now,
        expires_at=now + lifetime,
        address=place.address,
        device=place.device,
    )
    db.session.add(session)
    db.session.commit()
    return session


def renew(
    session_id: str, generation: int, place: Place, lifetime: timedelta, longest: timedelta
) -> UserSession | None:
    """Use up the refresh token of `generation`, and return the session with the next generation.

    It lasts for `lifetime` from now on, but ends `longest` after it began. None if it has ended.
    Raises TokenReused, and ends the session, if the token was used before.
    """
    now = utc_now()
    began = db.session.scalar(select(UserSession.created_at).where(UserSession.id == session_id))
    if began is None or began + longest <= now:
        return None
    renewal = _unless_ended(UserSession.id == session_id).values(
        generation=generation + 1,
        renewed_at=now,
        expires_at=min(now + lifetime, began + longest),
        address=place.address,
        device=place.device,
    )
    renewed = _changes(renewal.where(UserSession.generation == generation))
    session = db.session.get(UserSession, session_id, populate_existing=True)
    if session is None or session.is_over:
        return None
    if renewed or (
        session.generation == generation + 1 and now - session.renewed_at < _SAME_MOMENT
    ):
        return session
    end(UserSession.id == session_id)
    raise TokenReused


def end(which: ColumnElement[bool]) -> int:
    """End the sessions that a condition names. Return how many had not ended."""
    return _changes(_unless_ended(which).values(ended_at=utc_now()))


def end_others(user_id: str, kept: str) -> None:
    """End all sessions of a person but one."""
    end(and_(UserSession.user_id == user_id, UserSession.id != kept))


def note_password(session_id: str) -> UserSession | None:
    """Note that the session's person has given their password just now, and return the session.

    It has a new generation of tokens, and earlier access tokens are refused. None if it has ended.
    """
    following, now = UserSession.generation + 1, utc_now()
    noted = _unless_ended(UserSession.id == session_id).values(
        generation=following, oldest_generation=following, password_at=now, renewed_at=now
    )
    changed = _changes(noted)
    session = db.session.get(UserSession, session_id, populate_existing=True)
    return session if changed else None


def knows(user_id: str, place: Place) -> bool:
    """Whether the person has, or lately had, a session on this device at this address."""
    same = (UserSession.address == place.address, UserSession.device == place.device)
    query = select(UserSession.id).where(UserSession.user_id == user_id, *same)
    return db.session.scalar(query.limit(1)) is not None


def of_person(user_id: str) -> list[UserSession]:
    """List a person's open sessions, the one seen last first."""
    query = select(UserSession).where(UserSession.user_id == user_id, _is_open())
    return list(db.session.scalars(query.order_by(UserSession.renewed_at.desc())))


def still_open(session_ids: Collection[str]) -> set[str]:
    """Return those of the sessions that have not ended."""
    query = select(UserSession.id).where(UserSession.id.in_(session_ids), _is_open())
    return set(db.session.scalars(query))


def _is_open() -> ColumnElement[bool]:
    return and_(UserSession.ended_at.is_(None), UserSession.expires_at > utc_now())


def _unless_ended(which: ColumnElement[bool]) -> Update:
    return update(UserSession).where(which, UserSession.ended_at.is_(None))


def _changes(statement: Update) -> int:
    changed = count_changed(statement)
    db.session.commit()
    return changed

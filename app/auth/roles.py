"""Who is an admin: look people up, change their role, and what an admin needs to act as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import aliased

from app.auth import accounts, second_factors, session_table
from app.db.account_models import UserSession
from app.db.changes import count_changed
from app.db.models import Person, User, db
from app.errors import Conflict, NotFound
from app.texts import later

ADMIN = "admin"
ROLES = ("user", ADMIN)
PAGE_LENGTH = 50
LAST_ADMIN = later("This is the last admin: make somebody else an admin first.")
FACTOR_NEEDED = later("An admin needs a second step here: set one up on your account page first.")
_LONGEST_SEARCH = 254


@dataclass(frozen=True)
class PeoplePage:
    """Some people, by address. `after` is where the next page begins, "" if this is the last."""

    people: Sequence[User]
    after: str


def search(words: str, after: str = "") -> PeoplePage:
    """List people whose address or name has the words in it, from the address `after` on."""
    words, after = words.strip()[:_LONGEST_SEARCH], after[:_LONGEST_SEARCH]
    query = select(User).where(User.email > after).order_by(User.email).limit(PAGE_LENGTH + 1)
    if words:
        found = (column.icontains(words, autoescape=True) for column in (User.email, User.name))
        query = query.where(or_(*found))
    people = db.session.scalars(query).all()
    shown = people[:PAGE_LENGTH]
    return PeoplePage(shown, shown[-1].email if len(people) > PAGE_LENGTH else "")


def find(email: str) -> User:
    """Return the account with this address. Raises NotFound."""
    person = accounts.find(email.strip().lower())
    if person is None:
        raise NotFound("There is no account with this e-mail address.")
    return person


def change(user_id: str, role: str) -> bool:
    """Give a person one of ROLES. Return whether they had another one.

    Who is no admin any more is signed out everywhere, since open streams know the old role.
    Raises NotFound, and Conflict for the last admin.
    """
    changing = update(User).where(User.id == user_id, User.role != role, is_not_last(user_id))
    changed = count_changed(changing.values(role=role))
    if changed and role != ADMIN:
        session_table.end(UserSession.user_id == user_id)  # commits both
    db.session.commit()
    if not changed:
        _check_has(user_id, role)
    return bool(changed)


def is_not_last(user_id: str) -> ColumnElement[bool]:
    """Whether the person of an updated row is no admin, or another one is there to stay.

    The rows of all admins are locked, in one order: two who go at the same moment wait for each
    other on PostgreSQL. SQLite has one writer.
    """
    admin = aliased(User)
    locked = select(admin.id, admin.delete_at).where(admin.role == ADMIN).order_by(admin.id)
    admins = locked.with_for_update().subquery()
    stays = (admins.c.id != user_id) & admins.c.delete_at.is_(None)
    # By FILTER, since PostgreSQL would lock only the rows that fit a WHERE: a deadlock.
    staying = select(func.count().filter(stays)).select_from(admins)
    return or_(User.role != ADMIN, staying.scalar_subquery() > 0)


def lacks_factor(person: Person) -> bool:
    """Whether an admin has to set up a second step before they may act as one."""
    required = current_app.config["REQUIRE_SECOND_FACTOR_FOR_ADMINS"] and person.role == ADMIN
    return required and not second_factors.of_person(person.id).needed


def _check_has(user_id: str, role: str) -> None:
    person = db.session.get(User, user_id, populate_existing=True)
    if person is None:
        raise NotFound("There is no such person.")
    if person.role != role:
        raise Conflict(LAST_ADMIN)

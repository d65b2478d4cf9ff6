"""Who people are at the provider: signing in by it, connecting it to an account, and leaving it."""

from __future__ import annotations

from pydantic import EmailStr, TypeAdapter, ValidationError
from sqlalchemy import delete, exists, select
from sqlalchemy.exc import IntegrityError

from app.auth.accounts import LONGEST_NAME
from app.auth.claims import Claims
from app.db.account_models import Identity
from app.db.changes import count_changed
from app.db.models import User, db, utc_now
from app.errors import Conflict, Forbidden, NotFound

NO_PASSWORD = ""
"""The hash of an account without a password: none fits."""
_EMAIL: TypeAdapter[str] = TypeAdapter(EmailStr)


def find_person(issuer: str, subject: str) -> User | None:
    """Return the account that is connected to an identity."""
    person: User | None = db.session.scalar(
        select(User)
        .join(Identity, Identity.user_id == User.id)
        .where(Identity.issuer == issuer, Identity.subject == subject)
    )
    return person


def of_person(user_id: str) -> list[Identity]:
    """List a person's identities, the oldest first."""
    query = select(Identity).where(Identity.user_id == user_id)
    return list(db.session.scalars(query.order_by(Identity.created_at)))


def sign_up(issuer: str, claims: Claims, *, allowed: bool) -> User:
    """Make an account for a person of the provider. It has no password.

    If their address has an account already, they have to log in and connect it: otherwise the
    provider could enter every account. Raises Forbidden, and Conflict.
    """
    email = _stored_email(claims.email)
    if db.session.scalar(select(exists().where(User.email == email))):
        raise _has_account()
    if not allowed:
        raise Forbidden("You have no account here yet. Ask whoever runs this for one.")
    named = claims.name if claims.name.isprintable() else ""
    name = named[:LONGEST_NAME] or email.partition("@")[0][:LONGEST_NAME]
    person = User(email=email, name=name, password_hash=NO_PASSWORD, email_verified_at=utc_now())
    db.session.add(person)
    try:
        db.session.flush()
        db.session.add(Identity(issuer=issuer, subject=claims.subject, user_id=person.id))
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise _has_account() from None
    return person


def connect(user_id: str, issuer: str, subject: str) -> None:
    """Let an identity sign in to an account. Raises Conflict if it is another account's."""
    owner = find_person(issuer, subject)
    if owner is not None and owner.id == user_id:
        return
    db.session.add(Identity(issuer=issuer, subject=subject, user_id=user_id))
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("Another account is connected to this sign-in already.") from None


def disconnect(user_id: str, identity_id: str) -> None:
    """Take an identity from an account. Raises NotFound, and Conflict for the only way in."""
    # Two at the same moment could each leave the other: the row's lock lets one go first.
    person = db.session.scalars(select(User).where(User.id == user_id).with_for_update()).one()
    gone = delete(Identity).where(Identity.id == identity_id, Identity.user_id == user_id)
    if not count_changed(gone):
        db.session.rollback()
        raise NotFound("There is no such connection, or it is gone already.")
    if person.password_hash == NO_PASSWORD and not of_person(user_id):
        db.session.rollback()
        raise Conflict("This is your only way in. Set a password first, then disconnect it.")
    db.session.commit()


def is_connected(user_id: str, issuer: str) -> bool:
    """Whether a person can sign in by this provider; not if there is none."""
    return any(identity.issuer == issuer for identity in of_person(user_id))


def _stored_email(email: str | None) -> str:
    try:
        checked = _EMAIL.validate_python(email)
    except ValidationError:
        checked = ""
    if not 0 < len(checked) <= 254:
        raise Forbidden("The provider hasn't checked your e-mail address, so no account is made.")
    return checked.lower()


def _has_account() -> Conflict:
    return Conflict(
        "There is an account with your e-mail address. Log in with its password once, then connect "
        "the provider on the page of your account."
    )

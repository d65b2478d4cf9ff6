"""Accounts: sign up, and log in."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel, EmailStr, Field, ValidationError, field_validator
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.auth import passwords
from app.db.models import Person, User, db
from app.errors import HomestreamError

log = logging.getLogger(__name__)

Fields = dict[str, str]


class FormErrors(HomestreamError):
    """Wrong fields of a form, each with a sentence. The form shows them with what was typed."""

    status = 422
    code = "invalid_input"

    def __init__(self, fields: Fields, status: int = 422) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields
        self.status = status


class SignUp(BaseModel):
    """The fields of a new account. Anything else that is sent, such as a role, is ignored."""

    email: EmailStr = Field(max_length=254)
    name: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=8, max_length=256)

    @field_validator("email", "name", mode="before")
    @classmethod
    def _trimmed(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("unprintable")
        return value


_SENTENCES = {
    "email": "Enter an e-mail address like ann@example.com.",
    "name": "Enter your name, in at most 100 characters.",
    "password": "Enter a password of 8 to 256 characters.",
}
_MISSING = {"email": "Enter your e-mail address.", "password": "Enter your password."}


def sign_up(given: dict[str, Any]) -> User:
    """Create an account. Raises FormErrors."""
    try:
        checked = SignUp.model_validate(given)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
        raise FormErrors({name: _SENTENCES[name] for name in _SENTENCES if name in wrong}) from None
    person = User(
        email=checked.email.lower(),
        name=checked.name,
        password_hash=passwords.hash_password(checked.password),
    )
    db.session.add(person)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        taken = "There is an account with this e-mail address already: log in instead."
        raise FormErrors({"email": taken}, status=409) from None
    return person


def log_in(given: dict[str, Any]) -> User:
    """Return the account with this address and password. Raises FormErrors."""
    email, password = given.get("email", "").strip().lower(), given.get("password", "")
    missing = [name for name, value in (("email", email), ("password", password)) if not value]
    if missing:
        raise FormErrors({name: _MISSING[name] for name in missing})
    person = _find(email)
    known = person.password_hash if person else None
    if len(password) > 256 or not passwords.verify_password(known, password):
        # Without the address: people type their password into the wrong field.
        log.info("a log-in was refused: wrong address or password")
        raise FormErrors({"password": "The e-mail address or the password is wrong."}, status=401)
    assert person is not None  # noqa: S101 - or there is no hash, and no password fits
    return person


def _find(email: str) -> User | None:
    if "\0" in email:
        # PostgreSQL refuses to look for it.
        return None
    person: User | None = db.session.scalar(select(User).where(User.email == email))
    return person


def profile(person: User | Person) -> dict[str, str]:
    """Return a person's account as JSON for themselves."""
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "createdAt": f"{person.created_at.isoformat(timespec='seconds')}Z",
    }

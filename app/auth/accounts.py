"""Accounts: sign up, and log in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, EmailStr, Field, TypeAdapter, ValidationError, field_validator
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.auth import passwords
from app.auth.password_rules import LONGEST, password_problem
from app.db.models import Person, User, db, iso_utc
from app.errors import HomestreamError
from app.texts import later

log = logging.getLogger(__name__)

Fields = dict[str, str]
LONGEST_NAME = 100


class FormErrors(HomestreamError):
    """Wrong fields of a form, each with a sentence. The form shows them with what was typed."""

    status = 422
    code = "invalid_input"

    def __init__(self, fields: Fields, status: int = 422) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields
        self.status = status


class WrongPassword(FormErrors):
    """A log-in was refused. `user_id` is that of the account, if there is one."""

    def __init__(self, person: User | None) -> None:
        super().__init__(
            {"password": later("The e-mail address or the password is wrong.")}, status=401
        )
        self.user_id = person.id if person else None


class SignUp(BaseModel):
    """The fields of a new account. Anything else that is sent, such as a role, is ignored."""

    email: EmailStr = Field(max_length=254)
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    password: str

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
    "email": later("Enter an e-mail address like ann@example.com."),
    "name": later("Enter your name, in at most 100 characters."),
}
_EMAIL: TypeAdapter[str] = TypeAdapter(Annotated[EmailStr, Field(max_length=254)])
_MISSING = {"email": later("Enter your e-mail address."), "password": later("Enter your password.")}


def check_sign_up(given: dict[str, Any]) -> User:
    """Return the account to be, which is not stored yet. Raises FormErrors."""
    try:
        checked = SignUp.model_validate(given)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
        fields = {name: _SENTENCES[name] for name in _SENTENCES if name in wrong}
        raise FormErrors(fields | _password_error(given, "password")) from None
    if wrong_password := _password_error(given, "password"):
        raise FormErrors(wrong_password)
    return User(
        email=checked.email.lower(),
        name=checked.name,
        password_hash=passwords.hash_password(checked.password),
    )


def sign_up(given: dict[str, Any], admit: Callable[[], None] = lambda: None) -> User:
    """Create an account. Raises FormErrors, and what `admit` raises.

    `admit` is called in the account's own transaction, once nothing else has to be waited for.
    """
    person = check_sign_up(given)
    admit()
    db.session.add(person)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        taken = later("There is an account with this e-mail address already: log in instead.")
        raise FormErrors({"email": taken}, status=409) from None
    return person


def log_in(given: dict[str, Any]) -> User:
    """Return the account with this address and password. Raises FormErrors, and WrongPassword."""
    email, password = given.get("email", "").strip().lower(), given.get("password", "")
    missing = [name for name, value in (("email", email), ("password", password)) if not value]
    if missing:
        raise FormErrors({name: _MISSING[name] for name in missing})
    person = find(email)
    known = person.password_hash if person else None
    if len(password) > LONGEST or not passwords.verify_password(known, password):
        # Without the address: people type their password into the wrong field.
        log.info("a log-in was refused: wrong address or password")
        raise WrongPassword(person)
    assert person is not None  # noqa: S101 - or there is no hash, and no password fits
    return person


def change_name(user_id: str, given: dict[str, Any]) -> None:
    """Change a person's name. Raises FormErrors."""
    name = given.get("name", "").strip()
    if not name.isprintable() or not 1 <= len(name) <= LONGEST_NAME:
        raise FormErrors({"name": _SENTENCES["name"]})
    db.session.get_one(User, user_id).name = name
    db.session.commit()


def change_password(user_id: str, given: dict[str, Any]) -> None:
    """Change a person's password. Raises FormErrors."""
    person = db.session.get_one(User, user_id)
    person.password_hash = hash_new_password(person, given)
    db.session.commit()


def hash_new_password(person: User, given: dict[str, Any]) -> str:
    """Return the hash of `new_password`, if it can be this person's. Raises FormErrors."""
    if wrong := _password_error(given | {"email": person.email}, "new_password"):
        raise FormErrors(wrong)
    return passwords.hash_password(given["new_password"])


def checked_email(given: dict[str, Any], field: str = "email") -> str:
    """Return the address in a field, in lower case. Raises FormErrors."""
    try:
        return str(_EMAIL.validate_python(given.get(field, "").strip())).lower()
    except ValidationError:
        raise FormErrors({field: _SENTENCES["email"]}) from None


def has_password(user_id: str) -> bool:
    """Whether the person can log in by a password, and not only by a provider or a passkey."""
    return bool(db.session.get_one(User, user_id).password_hash)


def is_password_of(user_id: str, password: str) -> bool:
    person = db.session.get_one(User, user_id)
    return len(password) <= LONGEST and passwords.verify_password(person.password_hash, password)


def _password_error(given: dict[str, Any], field: str) -> Fields:
    problem = password_problem(str(given.get(field, "")), str(given.get("email", "")).strip())
    return {field: problem} if problem else {}


def find(email: str) -> User | None:
    """Return the account with this address, which is in lower case."""
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
        "createdAt": iso_utc(person.created_at),
    }

"""Passkeys (WebAuthn): register one, and check that a person has used theirs.

A challenge is good once: what was signed for it can't be sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, current_app
from itsdangerous import base64_encode
from sqlalchemy import Update, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from app.auth.accounts import FormErrors
from app.auth.rate_limits import digest
from app.db.account_models import Passkey, UsedChallenge
from app.db.changes import count_changed
from app.db.models import Person, User, db, utc_now
from app.errors import Conflict, NotFound
from app.json_input import parse_json
from app.texts import later

log = logging.getLogger(__name__)

CHALLENGE_SECONDS = 5 * 60
MOST = 20
"""Passkeys of one person."""
_LONGEST_NAME = 100
_LONGEST_ID = 1400  # characters of base64url; WebAuthn allows 1023 bytes
_LONGEST_CREDENTIAL = 16_000  # characters; without attestation it has about one thousand

_Result = TypeVar("_Result")


class PasskeyRefused(FormErrors):
    """A passkey's answer isn't good. `user_id` is that of the passkey's person, if it is known."""

    def __init__(self, sentence: str, user_id: str | None = None) -> None:
        super().__init__({"credential": sentence}, status=403)
        self.user_id = user_id


@dataclass(frozen=True)
class RelyingParty:
    """Which site the passkeys are for: `id` is its host name, `origin` its address in browsers."""

    id: str
    origin: str


@dataclass(frozen=True)
class Options:
    """What a browser needs, as JSON, and the challenge that is in it, in base64url."""

    json: str
    challenge: str


def init_app(app: Flask, app_url: str) -> None:
    app.extensions["relying_party"] = relying_party(app_url)
    app.jinja_env.globals["passkey_site"] = app.extensions["relying_party"]


def relying_party(app_url: str) -> RelyingParty | None:
    """Return the site at the app's address; None for one that passkeys can't be bound to."""
    parts = urlsplit(app_url)
    host = parts.hostname or ""
    try:
        if not ip_address(host).is_loopback:
            return None
        host = "localhost"  # a name for the same machine
    except ValueError:
        pass
    # As browsers write an origin: without the usual port.
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return RelyingParty(host, f"{parts.scheme}://{host}{port}")


def creation_options(person: Person) -> Options:
    """Return what a browser needs to make a passkey. Raises Conflict."""
    from app.auth import passkey_ceremonies as ceremonies

    site_name = current_app.config["APP_NAME"]
    return ceremonies.creation_options(_site(), site_name, person, _ids(person.id))


def request_options(user_id: str | None, *, alone: bool) -> Options:
    """Return what a browser needs to use a passkey of the person, or with None of anybody.

    Used alone, it has to verify its user by a PIN, a finger or the like. Raises Conflict.
    """
    from app.auth import passkey_ceremonies as ceremonies

    known = None if user_id is None else _ids(user_id)
    return ceremonies.request_options(_site(), known, alone=alone)


def register(person: Person, name: str, text: str, challenge: str) -> Passkey:
    """Store a new passkey of the person. Raises FormErrors, PasskeyRefused and Conflict."""
    from app.auth import passkey_ceremonies as ceremonies

    name = name.strip()
    if not name.isprintable() or not 1 <= len(name) <= _LONGEST_NAME:
        raise FormErrors({"passkey_name": later("Name the passkey, in at most 100 characters.")})
    credential, site = _parse(text), _site()
    verified = _or_refuse(lambda: ceremonies.verify_new(site, credential, challenge), person.id)
    passkey = Passkey(
        user_id=person.id,
        credential_id=_base64url(verified.credential_id),
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name,
    )
    _refuse_too_many(person.id)
    db.session.add_all((passkey, _used(challenge)))
    _commit_once(person.id)
    return passkey


def use(text: str, challenge: str, *, user_id: str | None, alone: bool) -> Passkey:
    """Return the passkey that answered the challenge: one of the person's, or with None anybody's.

    Raises PasskeyRefused and Conflict.
    """
    from app.auth import passkey_ceremonies as ceremonies

    credential, site = _parse(text), _site()
    passkey = _find(credential, user_id)
    verified = _or_refuse(
        lambda: ceremonies.verify_used(
            *(site, credential, challenge, passkey.public_key, passkey.sign_count), alone=alone
        ),
        passkey.user_id,
    )
    db.session.add(_used(challenge))
    # A copy of the passkey that was used meanwhile has changed the count.
    same = update(Passkey).where(Passkey.id == passkey.id, Passkey.sign_count == passkey.sign_count)
    counted = same.values(sign_count=verified.new_sign_count, used_at=utc_now())
    _commit_once(passkey.user_id, counted)
    return passkey


def of_person(user_id: str) -> list[Passkey]:
    """List a person's passkeys, oldest first."""
    own = select(Passkey).where(Passkey.user_id == user_id)
    return list(db.session.scalars(own.order_by(Passkey.created_at, Passkey.id)))


def remove(user_id: str, passkey_id: str) -> str:
    """Remove a passkey of the person and return its name. Raises NotFound."""
    own = select(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id)
    passkey: Passkey | None = db.session.scalar(own)
    if passkey is None:
        raise NotFound("There is no such passkey.")
    db.session.execute(delete(Passkey).where(Passkey.id == passkey_id))
    db.session.commit()
    return passkey.name


def _site() -> RelyingParty:
    site = cast("RelyingParty | None", current_app.extensions["relying_party"])
    if site is None:
        raise Conflict("Passkeys need a host name in the app's address, not an IP address.")
    return site


def _ids(user_id: str) -> list[str]:
    return [passkey.credential_id for passkey in of_person(user_id)]


def _parse(text: str) -> dict[str, Any]:
    """Parse a credential as the browser's `toJSON` writes it. Raises PasskeyRefused."""
    if not text:
        raise PasskeyRefused("No passkey was used. Try again.")
    try:
        credential = parse_json(text) if len(text) <= _LONGEST_CREDENTIAL else None
    except ValueError:
        credential = None
    if not isinstance(credential, dict):
        raise PasskeyRefused("What the passkey sent can't be read.")
    return credential


def _find(credential: dict[str, Any], user_id: str | None) -> Passkey:
    """Return the passkey with the credential's id. Raises PasskeyRefused."""
    id, response = credential.get("id"), credential.get("response")
    handle = response.get("userHandle") if isinstance(response, dict) else None
    passkey: Passkey | None = None
    if isinstance(id, str) and id.isascii() and id.isprintable() and len(id) <= _LONGEST_ID:
        passkey = db.session.scalar(select(Passkey).where(Passkey.credential_id == id))
    # Without a name, the passkey itself has to say whose it is.
    handles = (None, _handle(passkey)) if user_id else (_handle(passkey),)
    if passkey is None or handle not in handles or user_id not in (None, passkey.user_id):
        raise PasskeyRefused("This passkey isn't known here. Use another one.", user_id)
    return passkey


def _handle(passkey: Passkey | None) -> str | None:
    return passkey and _base64url(passkey.user_id.encode())


def _base64url(value: bytes) -> str:
    return base64_encode(value).decode()


def _or_refuse(verify: Callable[[], _Result], user_id: str) -> _Result:
    """Raise PasskeyRefused for whatever is wrong: some errors of the parsers within aren't the
    library's own."""
    try:
        return verify()
    except Exception as error:
        log.info("a passkey was refused: %s", error)
        raise PasskeyRefused("This passkey couldn't be checked. Try again.", user_id) from None


def _refuse_too_many(user_id: str) -> None:
    if db.engine.dialect.name != "sqlite":  # which has one writer at a time
        db.session.execute(select(User.id).where(User.id == user_id).with_for_update())
    own = select(func.count()).select_from(Passkey).where(Passkey.user_id == user_id)
    if (db.session.scalar(own) or 0) >= MOST:
        raise PasskeyRefused(f"You have {MOST} passkeys. Remove one first.", user_id)


def _used(challenge: str) -> UsedChallenge:
    """Return the row of a challenge that is used now, once those that have expired are gone."""
    now = utc_now()
    db.session.execute(delete(UsedChallenge).where(UsedChallenge.expires_at < now))
    expires_at = now + timedelta(seconds=CHALLENGE_SECONDS)
    return UsedChallenge(id=digest(challenge), expires_at=expires_at)


def _commit_once(user_id: str, change: Update | None = None) -> None:
    """Commit, with a change of one row. Raises PasskeyRefused if another request was first."""
    try:
        db.session.flush()
        changed = change is None or bool(count_changed(change))
    except IntegrityError:
        changed = False
    if not changed:
        db.session.rollback()
        raise PasskeyRefused("This answer of the passkey was used already. Try again.", user_id)
    db.session.commit()

"""Authenticator apps, which show a new six-digit code every 30 seconds (TOTP, RFC 6238).

Each code is good once: the row keeps the time step of the last one, and only a later step is taken.
"""

from __future__ import annotations

import hmac
import logging
import time
from dataclasses import dataclass

import pyotp
from flask import current_app
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from app.auth.accounts import FormErrors
from app.auth.sealing import Unreadable, seal, unseal
from app.db.account_models import AuthenticatorApp
from app.db.changes import count_changed
from app.db.models import Person, db
from app.errors import Conflict
from app.texts import later

log = logging.getLogger(__name__)

STEP_SECONDS = 30
_SETUP_SECONDS = 30 * 60


@dataclass(frozen=True)
class Setup:
    """A new secret that doesn't count yet. `sealed` comes back with the code that confirms it."""

    secret: str
    uri: str
    sealed: str

    @property
    def picture(self) -> str:
        """The QR code, as the address of an SVG image."""
        # Not above: only who sets an app up sees a picture, and what draws it takes 3 MB.
        import segno

        code = segno.make(self.uri, error="m")
        return code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff")


def begin_setup(person: Person) -> Setup:
    secret = pyotp.random_base32()
    return _setup(person, secret, seal(f"{person.id} {secret}"))


def read_setup(person: Person, sealed: str) -> Setup:
    """Read a setup that was begun for this person. Raises FormErrors."""
    try:
        owner, _, secret = unseal(sealed, _SETUP_SECONDS).partition(" ")
    except Unreadable:
        owner, secret = "", ""
    if owner != person.id:
        raise FormErrors({"code": later("This set-up is too old. Scan the new picture.")})
    return _setup(person, secret, sealed)


def confirm_setup(person: Person, setup: Setup, code: str) -> None:
    """Store the app in place of any other, if the code is its. Raises FormErrors and Conflict."""
    step = _step_of(setup.secret, code)
    if step is None:
        raise FormErrors(
            {"code": later("This is not the app's code. Enter the one that it shows now.")}
        )
    db.session.execute(delete(AuthenticatorApp).where(AuthenticatorApp.user_id == person.id))
    app = AuthenticatorApp(user_id=person.id, secret=seal(setup.secret), last_step=step)
    db.session.add(app)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("An app was set up at the same moment. Look whether it is yours.") from None


def use_code(user_id: str, code: str) -> bool:
    """Use up a code of the person's app. False if it is none, or was used before."""
    app = db.session.get(AuthenticatorApp, user_id)
    step = None if app is None else _step_of(_secret_of(app), code)
    if step is None:
        return False
    # Of many requests with the same code, one changes the row.
    later = update(AuthenticatorApp).where(
        AuthenticatorApp.user_id == user_id, AuthenticatorApp.last_step < step
    )
    changed = count_changed(later.values(last_step=step))
    db.session.commit()
    return bool(changed)


def remove(user_id: str) -> bool:
    """Remove the person's app. False if there is none."""
    removed = count_changed(delete(AuthenticatorApp).where(AuthenticatorApp.user_id == user_id))
    db.session.commit()
    return bool(removed)


def _setup(person: Person, secret: str, sealed: str) -> Setup:
    uri = pyotp.TOTP(secret).provisioning_uri(
        name=person.email, issuer_name=current_app.config["APP_NAME"]
    )
    return Setup(secret, uri, sealed)


def _secret_of(app: AuthenticatorApp) -> str:
    try:
        return unseal(app.secret)
    except Unreadable:
        log.error("an authenticator app's secret was sealed under another SECRET_KEY")
        return ""


def _step_of(secret: str, code: str) -> int | None:
    """Return the time step whose code this is: now, or one before or after; None if it is none."""
    code = "".join(code.split())
    if not secret or not code.isascii():
        return None
    app, now = pyotp.TOTP(secret), int(time.time()) // STEP_SECONDS
    # The newest first, so that a code in use twice by chance counts as the later one.
    steps = (now + 1, now, now - 1)
    return next((s for s in steps if hmac.compare_digest(app.generate_otp(s), code)), None)

"""Challenges for passkeys, each kept in the browser until its answer comes: in a signed cookie.

A challenge is for one purpose and one person, and for five minutes. That it is used only once is
seen to in app/auth/passkeys.py.
"""

from __future__ import annotations

from typing import Literal, cast

from flask import Flask, Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from app.auth.passkeys import CHALLENGE_SECONDS, Options, PasskeyRefused
from app.auth.signed_texts import timed_signer

Purpose = Literal["register", "confirm", "second step", "sign in"]


def init_app(app: Flask, *, secure: bool) -> None:
    app.extensions["passkey_challenges"] = (
        timed_signer(app.config["SECRET_KEY"], "passkey challenge"),
        "__Host-passkey" if secure else "passkey",
    )


def send_options(options: Options, purpose: Purpose, user_id: str = "") -> Response:
    """Respond with the options for the browser, and have it keep the challenge."""
    response = Response(options.json, mimetype="application/json")
    response.set_cookie(
        _cookie(),
        str(_serializer().dumps([purpose, user_id, options.challenge])),
        max_age=CHALLENGE_SECONDS,
        secure=current_app.config["JWT_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def read_challenge(purpose: Purpose, user_id: str = "") -> str:
    """Return the challenge that this browser got, in base64url. Raises PasskeyRefused."""
    try:
        kept = _serializer().loads(request.cookies.get(_cookie(), ""), max_age=CHALLENGE_SECONDS)
    except BadData:
        kept = []
    if kept[:2] != [purpose, user_id]:
        raise PasskeyRefused("The passkey took too long. Try again.", user_id or None)
    return str(kept[2])


def _serializer() -> URLSafeTimedSerializer:
    return cast(URLSafeTimedSerializer, current_app.extensions["passkey_challenges"][0])


def _cookie() -> str:
    return str(current_app.extensions["passkey_challenges"][1])

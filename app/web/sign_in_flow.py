"""One sign-in by the provider, from the link to the answer, kept in a signed cookie.

The cookie has no secret of the app or of the provider in it: the browser may read what it carries.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from secrets import token_urlsafe
from typing import Literal, cast

from flask import Flask, Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from app.auth.signed_texts import timed_signer
from app.errors import InputError, TooMany
from app.texts import later
from app.web.account_limits import count_answer

SECONDS = 600
Purpose = Literal["sign_in", "connect", "confirm"]
_OVER = later("This sign-in has taken too long, or was answered already. Begin once more.")


@dataclass(frozen=True)
class Flow:
    """A sign-in that has begun at `began` (seconds since 1970). `session` is whose it is, or ""."""

    purpose: Purpose
    target: str
    session: str
    state: str = field(default_factory=token_urlsafe)
    nonce: str = field(default_factory=token_urlsafe)
    verifier: str = field(default_factory=lambda: token_urlsafe(48))
    began: float = field(default_factory=time.time)


def init_app(app: Flask) -> None:
    key = app.config["SECRET_KEY"]
    app.extensions["sign_in_flows"] = timed_signer(key, "sign-in by provider")
    app.extensions["connect_passes"] = timed_signer(key, "connect a provider")


def keep_flow(response: Response, flow: Flow) -> None:
    response.set_cookie(
        _cookie(),
        _serializer("sign_in_flows").dumps(asdict(flow)),
        max_age=SECONDS,
        secure=_secure(),
        httponly=True,
        samesite="Lax",
    )


def drop_flow(response: Response) -> Response:
    response.delete_cookie(_cookie(), secure=_secure(), httponly=True, samesite="Lax")
    return response


def take_flow() -> Flow:
    """Return the sign-in that the request answers, once. Raises InputError."""
    try:
        kept = _serializer("sign_in_flows").loads(
            request.cookies.get(_cookie(), ""), max_age=SECONDS
        )
        flow = Flow(**kept)
        if request.args.get("state") != flow.state:
            raise BadData("another state")
        count_answer(flow.state)
    except (BadData, TooMany):
        raise InputError(_OVER, field="state", status=400) from None
    return flow


def connect_pass(session_id: str) -> str:
    """Return what the link to connect the provider carries.

    A link, since a form that leads to another site is against the content security policy. Without
    the pass another site could send the browser there, signed in at the provider as somebody else.
    """
    return str(_serializer("connect_passes").dumps(session_id))


def is_connect_pass(text: str, session_id: str) -> bool:
    try:
        return bool(_serializer("connect_passes").loads(text, max_age=SECONDS) == session_id)
    except BadData:
        return False


def _serializer(name: str) -> URLSafeTimedSerializer:
    return cast(URLSafeTimedSerializer, current_app.extensions[name])


def _cookie() -> str:
    return "__Host-provider" if _secure() else "provider"


def _secure() -> bool:
    return bool(current_app.config["JWT_COOKIE_SECURE"])

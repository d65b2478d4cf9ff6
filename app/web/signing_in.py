"""How signing in ends: a session begins, or the person is asked for a second step first.

Between the two there is no session. A signed text says whose password was right, for five minutes:
in a cookie for browsers, in `second_factor_token` for programs. It is bound to the password's hash,
so that it is worth nothing once the password has changed.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import Flask, Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer

from app.auth import accounts, second_factors, security_log, session_table, session_tokens
from app.auth.place import place_of_request
from app.auth.rate_limits import digest
from app.auth.security_log import Kind
from app.auth.signed_texts import timed_signer
from app.db.models import User, db
from app.errors import Unauthenticated
from app.web.account_limits import is_known_device, remember_device
from app.web.error_responses import error_headers, wants_json
from app.web.redirects import redirect, safe_next

_SECONDS = 5 * 60


@dataclass(frozen=True)
class FirstStep:
    """A person whose password was right, and what is to come of it.

    `status` is that of the response, `kind` what the security log says then, if anything.
    """

    person: User
    status: int
    kind: Kind | None


def init_app(app: Flask, *, secure: bool) -> None:
    app.extensions["second_step"] = (
        timed_signer(app.config["SECRET_KEY"], "second step"),
        "__Host-second-step" if secure else "second_step",
    )


def finish_sign_in(
    person: User,
    status: int,
    kind: Kind | None = None,
    *,
    target: str = "",
    shown_at: datetime | None = None,
) -> ResponseReturnValue:
    """Begin a session, or ask for the second step first if the person has one.

    Only for somebody who has shown already that the account is theirs, at `shown_at` if that wasn't
    now. `kind` is what the security log says once the session begins. `target` is the page to go on
    to, if the request doesn't name it by `next`.
    """
    if second_factors.of_person(person.id).needed:
        return _ask_for_second_step(FirstStep(person, status, kind), target)
    return begin_session(person, status, kind, target=target, shown_at=shown_at)


def begin_session(
    person: User,
    status: int,
    kind: Kind | None,
    *,
    target: str = "",
    shown_at: datetime | None = None,
) -> ResponseReturnValue:
    """Begin a session for a person who has shown all that they have to."""
    if kind:
        _note_sign_in(person, kind)
    tokens = session_tokens.begin_session(person.id, shown_at)
    if wants_json():
        user = accounts.profile(person)
        body = {"user": user, "access_token": tokens.access, "refresh_token": tokens.refresh}
        return jsonify(body), status
    response = redirect(_next_page(target))
    remember_device(response, person.email)
    session_tokens.set_cookies(response, tokens)
    if _cookie() in request.cookies:
        response.delete_cookie(_cookie(), secure=_secure(), httponly=True, samesite="Lax")
    return response


def read_first_step(text: str = "") -> FirstStep | None:
    """Read a `second_factor_token`, or with "" the cookie. None if it isn't good any more."""
    try:
        text = text or request.cookies.get(_cookie(), "")
        user_id, hashed, status, kind = _serializer().loads(text, max_age=_SECONDS)
    except BadData:
        return None
    person = db.session.get(User, user_id)
    if person is None or not hmac.compare_digest(hashed, digest(person.password_hash)):
        return None
    return FirstStep(person, status, kind)


def _ask_for_second_step(first: FirstStep, target: str) -> ResponseReturnValue:
    person = first.person
    token = _serializer().dumps([person.id, digest(person.password_hash), first.status, first.kind])
    if wants_json():
        message = "Send a code of your authenticator app, or a recovery code."
        error = Unauthenticated(message, code="second_factor_needed")
        body = {"code": error.code, "message": error.message, "retryable": error.retryable}
        return jsonify(error=body, second_factor_token=token), 401, error_headers(error)
    response: Response = redirect(url_for("second_step.show", next=_next_page(target)))
    response.set_cookie(
        _cookie(), str(token), max_age=_SECONDS, secure=_secure(), httponly=True, samesite="Lax"
    )
    return response


def _note_sign_in(person: User, kind: Kind) -> None:
    """Log the sign-in, and tell the person if nobody has signed in there before."""
    place = place_of_request()
    known = is_known_device(person.email) or session_table.knows(person.id, place)
    security_log.note(kind, person.id, place)
    if not known:
        security_log.note("new_device", person.id, place)


def _next_page(target: str) -> str:
    return target or safe_next(request.values.get("next"))


def _serializer() -> URLSafeTimedSerializer:
    return cast(URLSafeTimedSerializer, current_app.extensions["second_step"][0])


def _cookie() -> str:
    return str(current_app.extensions["second_step"][1])


def _secure() -> bool:
    return bool(current_app.config["JWT_COOKIE_SECURE"])

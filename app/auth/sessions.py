"""Sign-in sessions: whose request this is, and the tokens that say so.

A browser's tokens are in HttpOnly cookies. They are guarded by a CSRF value that each form sends,
and that stays the same for the whole session, so that a form in another tab stays good. An API
client's access token is in the Authorization header. Signing out ends the session: from then on
both of its tokens are refused, except for what stream_passes says.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import flask_jwt_extended as fje
import jwt
from flask import Flask, Response, current_app, g, request
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from sqlalchemy import bindparam, select

from app.auth import passwords, stream_passes
from app.auth.stream_passes import Reader
from app.db.connection import begin_read_only
from app.db.models import EndedSession, Person, User, db, new_id, utc_now
from app.errors import StaleForm, Unauthenticated

jwt_manager = fje.JWTManager()

BAD_TOKEN = (JWTExtendedException, jwt.PyJWTError)

# A token's person, and whether its session has ended: one query, made with every request.
_USERS, _ENDED = User.__table__.c, EndedSession.__table__.c
_PERSON_AND_END = (
    select(*_USERS["id", "email", "name", "role", "created_at"], _ENDED.id)
    .outerjoin(EndedSession.__table__, _ENDED.id == bindparam("session"))
    .where(_USERS.id == bindparam("person"))
)


def init_app(app: Flask, *, access_minutes: int, refresh_days: int, secure: bool) -> None:
    app.config.update(
        JWT_SECRET_KEY=app.config["SECRET_KEY"],
        JWT_ALGORITHM="HS256",
        JWT_ENCODE_ISSUER="homestream-session",
        JWT_DECODE_ISSUER="homestream-session",
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=access_minutes),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=refresh_days),
        JWT_COOKIE_SECURE=secure,
        JWT_COOKIE_SAMESITE="Lax",
        JWT_SESSION_COOKIE=False,
        JWT_CSRF_IN_COOKIES=False,
        JWT_CSRF_CHECK_FORM=True,
    )
    passwords.init_app(app)
    stream_passes.init_app(app)
    jwt_manager.init_app(app)
    app.after_request(_send_new_token)
    app.jinja_env.globals |= {"csrf_token": csrf_token, "is_admin": is_admin}


def require_user() -> None:
    """Let only a signed-in person on; for a blueprint's `before_request`.

    A browser whose access token has run out goes on by its refresh token. Raises Unauthenticated,
    or StaleForm when a form lacks the session's CSRF value.
    """
    try:
        fje.verify_jwt_in_request()
    except CSRFError:
        raise StaleForm("This form is from an earlier session: send it again.") from None
    except BAD_TOKEN:
        _continue_by_refresh_token()
    g.person = fje.get_current_user()
    g.csrf = str(fje.get_jwt().get("csrf", ""))


def current_user() -> Person:
    """Return the signed-in person. Only where `require_user` has let the request on."""
    return cast(Person, g.person)


def current_reader() -> Reader:
    """Return the signed-in person as the reader of a stream."""
    person = current_user()
    return Reader(person.id, person.role, csrf_token())


def csrf_token() -> str:
    """Return the value for a form's `csrf_token` field; "" when nobody is signed in."""
    return str(g.get("csrf", ""))


def is_admin() -> bool:
    """Whether an admin is signed in."""
    return "person" in g and current_reader().is_admin


def access_cookie() -> str | None:
    return request.cookies.get(current_app.config["JWT_ACCESS_COOKIE_NAME"])


def stream_pass(run_id: str) -> str:
    """Return a pass for the stream of the run that has just been asked for.

    It is for the cookie that let the request on, or the one that the response brings. "" for an
    API client, whose token is in a header.
    """
    cookie = g.get("new_access_token") or access_cookie()
    if cookie is None or fje.get_jwt_request_location() != "cookies":
        return ""
    return stream_passes.issue_pass(run_id, cookie, current_user().role)


def bearer(token: str) -> str | None:
    """Return the id of the person whose access token this is.

    None for any other token, a bad one, or one whose session has ended.
    """
    try:
        claims = fje.decode_token(token)
    except BAD_TOKEN:
        return None
    person, ended = _find_person(claims)
    return person.id if person and not ended and claims.get("type") == "access" else None


def new_tokens(person_id: str) -> tuple[str, str]:
    """Begin a session. Return its access token and its refresh token."""
    claims = {"sid": new_id(), "csrf": new_id()}
    refresh = fje.create_refresh_token(person_id, additional_claims=claims)
    return new_access_token(person_id, claims), refresh


def new_access_token(person_id: str, claims: dict[str, Any]) -> str:
    """Return another access token for the session that the claims are from."""
    kept = {name: claims[name] for name in ("sid", "csrf")}
    token: str = fje.create_access_token(person_id, additional_claims=kept)
    return token


def end_session(claims: dict[str, Any]) -> None:
    """Refuse the session's tokens from now on."""
    lifetime: timedelta = current_app.config["JWT_REFRESH_TOKEN_EXPIRES"]
    expired = EndedSession.__table__.delete().where(EndedSession.expires_at < utc_now())
    db.session.execute(expired)
    db.session.merge(EndedSession(id=claims["sid"], expires_at=utc_now() + lifetime))
    db.session.commit()


@jwt_manager.token_in_blocklist_loader
def _has_ended(_header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether the token's session has ended; asked before `_load_user`, which takes the rest."""
    if request.method == "GET":
        begin_read_only()
    g.token_person, ended = _find_person(claims)
    return ended


@jwt_manager.user_lookup_loader
def _load_user(_header: dict[str, Any], _claims: dict[str, Any]) -> Person | None:
    return cast("Person | None", g.pop("token_person"))


def _find_person(claims: dict[str, Any]) -> tuple[Person | None, bool]:
    """Return the token's person, if there is one, and whether its session has ended."""
    asked = {"person": claims["sub"], "session": claims.get("sid", "")}
    found = db.session.execute(_PERSON_AND_END, asked).one_or_none()
    return (None, False) if found is None else (Person(*found[:5]), found[5] is not None)


def _continue_by_refresh_token() -> None:
    try:
        fje.verify_jwt_in_request(refresh=True, locations=["cookies"])
    except CSRFError:
        raise StaleForm("This form is from an earlier session: send it again.") from None
    except BAD_TOKEN:
        raise Unauthenticated("Sign in to go on.") from None
    g.new_access_token = new_access_token(fje.get_current_user().id, fje.get_jwt())


def _send_new_token(response: Response) -> Response:
    if "new_access_token" in g:
        fje.set_access_cookies(response, g.new_access_token)
    return response

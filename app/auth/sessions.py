"""Who is asking: sign up, log in, refresh, log out. Plain forms, and the same as JSON.

A browser's tokens live in HttpOnly cookies, guarded by a double-submitted CSRF value that stays the
same for the whole session, so that a form in another tab stays good; an API client's go in the
Authorization header. Signing out ends the session: both of its tokens are refused from then on,
but for what app.expected says.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import flask_jwt_extended as fje
import jwt
from flask import (
    Flask,
    Response,
    current_app,
    g,
    request,
)
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from sqlalchemy import bindparam, select

from app.auth import passwords
from app.auth.expected import ExpectedReaders, Reader, digest
from app.db.connection import begin_read_only
from app.db.models import EndedSession, Person, User, db, new_id, utc_now
from app.errors import StaleForm, Unauthenticated

jwt_manager = fje.JWTManager()

BAD_TOKEN = (JWTExtendedException, jwt.PyJWTError)


# Both things that the database knows of a token, in one question that is put with every request.
_USERS, _ENDED = User.__table__.c, EndedSession.__table__.c
_KNOWN = (
    select(*_USERS["id", "email", "name", "role", "created_at"], _ENDED.id)
    .outerjoin(EndedSession.__table__, _ENDED.id == bindparam("session"))
    .where(_USERS.id == bindparam("person"))
)


def _known(claims: dict[str, Any]) -> tuple[Person | None, bool]:
    """The token's person, if there is one, and whether they signed out of its session."""
    asked = {"person": claims["sub"], "session": claims.get("sid", "")}
    found = db.session.execute(_KNOWN, asked).one_or_none()
    return (None, False) if found is None else (Person(*found[:5]), found[5] is not None)


@jwt_manager.token_in_blocklist_loader
def _signed_out(_header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """The first question that the extension asks of a token; the second one follows at once."""
    if request.method == "GET":
        begin_read_only()
    person, ended = _known(claims)
    g.token_person = person
    return ended


@jwt_manager.user_lookup_loader
def _load_user(_header: dict[str, Any], _claims: dict[str, Any]) -> Person | None:
    return cast("Person | None", g.pop("token_person"))


def require_user() -> None:
    """Let only a signed-in person on. For a blueprint's `before_request`.

    A browser whose access token has run out goes on by its refresh token. Raises Unauthenticated,
    or Forbidden when a form lacks the session's CSRF value.
    """
    try:
        fje.verify_jwt_in_request()
    except CSRFError:
        raise StaleForm("This form is from an earlier session: send it again.") from None
    except BAD_TOKEN:
        _go_on_by_refresh_token()
    _let_in(fje.get_current_user(), str(fje.get_jwt().get("csrf", "")))


def _let_in(person: Person, csrf: str) -> None:
    g.person, g.csrf = person, csrf


def expect_reader(run_id: str) -> None:
    """The page that has just asked opens its answer's stream next, by the cookie that let it in, or
    by the one that it is given with this response."""
    cookie = g.get("new_access_token") or _access_cookie()
    if cookie is not None and fje.get_jwt_request_location() == "cookies":
        _expected().expect(run_id, Reader(current_user(), csrf_token(), digest(cookie)))


def let_in_expected(run_id: str) -> bool:
    """Let the reader of this run on who is expected. Anybody else `require_user` may let on, and it
    remains to be seen whose run it is."""
    expected = _expected().take(run_id, _access_cookie())
    if expected is None:
        return False
    _let_in(expected.person, expected.csrf)
    return True


def _access_cookie() -> str | None:
    return request.cookies.get(current_app.config["JWT_ACCESS_COOKIE_NAME"])


def _expected() -> ExpectedReaders:
    return cast(ExpectedReaders, current_app.extensions["expected_readers"])


def _go_on_by_refresh_token() -> None:
    try:
        fje.verify_jwt_in_request(refresh=True, locations=["cookies"])
    except CSRFError:
        raise StaleForm("This form is from an earlier session: send it again.") from None
    except BAD_TOKEN:
        raise Unauthenticated("Sign in to go on.") from None
    g.new_access_token = new_access_token(fje.get_current_user().id, fje.get_jwt())


def current_user() -> Person:
    """The signed-in person. Only where `require_user` has let the request on."""
    return cast(Person, g.person)


def bearer(token: str) -> str | None:
    """The id of the person whose access token this is; None for any other token, a bad one, or
    one whose session has ended."""
    try:
        claims = fje.decode_token(token)
    except BAD_TOKEN:
        return None
    person, ended = _known(claims)
    return person.id if person and not ended and claims.get("type") == "access" else None


def csrf_token() -> str:
    """The value for a form's `csrf_token` field; "" when nobody is signed in."""
    return str(g.get("csrf", ""))


def _send_new_token(response: Response) -> Response:
    if "new_access_token" in g:
        fje.set_access_cookies(response, g.new_access_token)
    return response


def new_access_token(person_id: str, claims: dict[str, Any]) -> str:
    kept = {name: claims[name] for name in ("sid", "csrf")}
    token: str = fje.create_access_token(person_id, additional_claims=kept)
    return token


def new_tokens(person_id: str) -> tuple[str, str]:
    claims = {"sid": new_id(), "csrf": new_id()}
    refresh = fje.create_refresh_token(person_id, additional_claims=claims)
    return new_access_token(person_id, claims), refresh


def end_session(claims: dict[str, Any]) -> None:
    lifetime: timedelta = current_app.config["JWT_REFRESH_TOKEN_EXPIRES"]
    gone = EndedSession.__table__.delete().where(EndedSession.expires_at < utc_now())
    db.session.execute(gone)
    db.session.merge(EndedSession(id=claims["sid"], expires_at=utc_now() + lifetime))
    db.session.commit()
    _expected().forget(claims["sub"])


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
    jwt_manager.init_app(app)
    app.extensions["expected_readers"] = ExpectedReaders()
    app.after_request(_send_new_token)
    app.jinja_env.globals["csrf_token"] = csrf_token

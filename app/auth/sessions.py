"""Sign-in sessions: whose request this is, by its token (app/auth/session_tokens.py makes them).

A browser's tokens are in HttpOnly cookies. They are guarded by a CSRF value that each form sends,
and that stays the same for the whole session, so that a form in another tab stays good. An API
client's access token is in the Authorization header. A session's row (app/auth/session_table.py) is
looked up with every request: once it has ended, its tokens are refused, except for what
stream_passes says. A refresh token is good for one use.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import flask_jwt_extended as fje
import jwt
from flask import Flask, Response, current_app, g, request
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from sqlalchemy import bindparam, select

from app.auth import passwords, roles, security_log, session_table, stream_passes
from app.auth.roles import ADMIN
from app.auth.session_tokens import SESSION_ENDED, renew_session, set_cookies, tokens_of
from app.auth.stream_passes import Reader
from app.db.account_models import UserSession
from app.db.connection import begin_read_only
from app.db.models import PERSON_COLUMNS, Person, User, db, utc_now
from app.errors import EmailUnverified, Forbidden, PasswordNeeded, StaleForm, Unauthenticated
from app.texts import later

jwt_manager = fje.JWTManager()

BAD_TOKEN = (JWTExtendedException, jwt.PyJWTError)

_PASSWORD_MINUTES = 10
"""How long after giving the password a person may do what asks for it."""

_ACCOUNT_PATH = "/auth/"
"""Below it are the pages of one's own account, which need no confirmed address."""

_LAST = 2**31 - 1

# The person of an open session: one query, made with every request.
_USERS, _SESSIONS = User.__table__.c, UserSession.__table__.c
_PERSON = (
    select(*_USERS[PERSON_COLUMNS])
    .join(UserSession.__table__, _SESSIONS.user_id == _USERS.id)
    .where(
        _USERS.id == bindparam("person"),
        _SESSIONS.id == bindparam("session"),
        _SESSIONS.ended_at.is_(None),
        _SESSIONS.oldest_generation <= bindparam("generation"),
    )
)


def init_app(
    app: Flask, *, access_minutes: int, refresh_days: int, session_days: int, secure: bool
) -> None:
    app.config.update(
        SESSION_LONGEST=timedelta(days=session_days),
        JWT_SECRET_KEY=app.config["SECRET_KEY"],
        JWT_ALGORITHM="HS256",
        JWT_ENCODE_ISSUER="homestream-session",
        JWT_DECODE_ISSUER="homestream-session",
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=access_minutes),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=min(refresh_days, session_days)),
        JWT_COOKIE_SECURE=secure,
        JWT_COOKIE_SAMESITE="Lax",
        JWT_SESSION_COOKIE=False,
        JWT_CSRF_IN_COOKIES=False,
        JWT_CSRF_CHECK_FORM=True,
    )
    if secure:
        # No other host of the domain can set these, and no page without https.
        app.config["JWT_ACCESS_COOKIE_NAME"] = "__Host-access"
        app.config["JWT_REFRESH_COOKIE_NAME"] = "__Host-refresh"
    passwords.init_app(app)
    stream_passes.init_app(app)
    jwt_manager.init_app(app)
    app.after_request(_send_new_tokens)
    app.jinja_env.globals |= {
        "csrf_token": csrf_token,
        "is_admin": is_admin,
        "notice_sentences": security_log.SENTENCES,
        "unseen_notices": lambda: security_log.unseen_notices(current_user()),
    }


def require_user() -> None:
    """Let only a signed-in person on; for a blueprint's `before_request`.

    A browser whose access token has run out goes on by its refresh token. Raises Unauthenticated,
    StaleForm when a form lacks the session's CSRF value, or EmailUnverified.
    """
    try:
        verify_token()
    except CSRFError:
        raise StaleForm(later("This form is from an earlier session: send it again.")) from None
    except BAD_TOKEN:
        _continue_by_refresh_token()
    g.person = fje.get_current_user()
    g.csrf = str(fje.get_jwt().get("csrf", ""))
    if not _may_go_on(current_user()) and not request.path.startswith(_ACCOUNT_PATH):
        raise EmailUnverified(
            f"Confirm your e-mail address first. The link is in a mail to {current_user().email}, "
            "and your account page sends it again."
        )


def verify_token(**options: Any) -> None:
    """Verify the request's token, as Flask-JWT-Extended does. Raises what that raises."""
    if request.method in current_app.config["JWT_CSRF_METHODS"]:
        values = request.headers.get("X-CSRF-TOKEN", ""), request.form.get("csrf_token", "")
        if not all(map(str.isascii, values)):
            raise CSRFError("The CSRF value isn't one of ours.")  # and can't be compared with them
    fje.verify_jwt_in_request(**options)


def current_user() -> Person:
    """Return the signed-in person. Only where `require_user` has let the request on."""
    return cast(Person, g.person)


def current_reader() -> Reader:
    """Return the signed-in person as the reader of a stream."""
    person = current_user()
    return Reader(person.id, current_session(), current_role(), csrf_token())


def current_session() -> str:
    """Return the id of the session that this request belongs to."""
    return str(fje.get_jwt()["sid"])


def require_recent_password() -> None:
    """Let a person on who has given their password, or used a passkey for it, within ten minutes.
    Raises PasswordNeeded."""
    session = db.session.get_one(UserSession, current_session())
    if utc_now() - session.password_at > timedelta(minutes=_PASSWORD_MINUTES):
        raise PasswordNeeded("Enter your password first, to show that it is you.")


def confirm_session() -> dict[str, str]:
    """Note that the person has just shown once more who they are, and replace the session's tokens.

    A browser gets the new ones as cookies; for a program, return them as JSON. Raises
    Unauthenticated.
    """
    session = session_table.note_password(current_session())
    if session is None:
        raise Unauthenticated(SESSION_ENDED)
    tokens = tokens_of(session, csrf_token())
    if fje.get_jwt_request_location() == "cookies":
        g.new_tokens = tokens
        return {}
    return {"access_token": tokens.access, "refresh_token": tokens.refresh}


def csrf_token() -> str:
    """Return the value for a form's `csrf_token` field; "" when nobody is signed in."""
    return str(g.get("csrf", ""))


def is_admin() -> bool:
    """Whether an admin is signed in who may act as one."""
    return "person" in g and current_role() == ADMIN


def current_role() -> str:
    """Return the role in which the signed-in person acts."""
    if "role" not in g:
        person = current_user()
        g.role = "user" if roles.lacks_factor(person) else person.role
    return str(g.role)


def require_admin(sentence: str) -> None:
    """Let only an admin on. Raises Forbidden with the sentence, or with what an admin lacks."""
    if not is_admin():
        raise Forbidden(roles.FACTOR_NEEDED if current_user().role == ADMIN else sentence)


def access_cookie() -> str | None:
    return request.cookies.get(current_app.config["JWT_ACCESS_COOKIE_NAME"])


def stream_pass(run_id: str) -> str:
    """Return a pass for the stream of the run that has just been asked for.

    It is for the cookie that let the request on, or the one that the response brings. "" for an
    API client, whose token is in a header.
    """
    cookie = g.new_tokens.access if "new_tokens" in g else access_cookie()
    if cookie is None or fje.get_jwt_request_location() != "cookies":
        return ""
    return stream_passes.issue_pass(run_id, cookie, current_role())


def bearer(token: str) -> str | None:
    """Return the id of the person whose access token this is.

    None for any other token, a bad one, one whose session has ended, or one of a person who has to
    confirm their address first.
    """
    try:
        claims = fje.decode_token(token)
    except BAD_TOKEN:
        return None
    person = _find_person(claims)
    good = person is not None and _may_go_on(person) and claims.get("type") == "access"
    return person.id if person and good else None


def _may_go_on(person: Person) -> bool:
    """Whether the person has confirmed their address, where that is required."""
    required = current_app.config["REQUIRE_VERIFIED_EMAIL"]
    return not required or person.email_verified_at is not None


@jwt_manager.token_in_blocklist_loader
def _has_ended(_header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether the token's session has ended; asked before `_load_user`."""
    if request.method == "GET":
        begin_read_only()
    g.token_person = _find_person(claims)
    return g.token_person is None


@jwt_manager.user_lookup_loader
def _load_user(_header: dict[str, Any], _claims: dict[str, Any]) -> Person | None:
    return cast("Person | None", g.pop("token_person"))


def _find_person(claims: dict[str, Any]) -> Person | None:
    """Return the token's person, unless its session has ended or the token was replaced."""
    asked = {
        "person": claims["sub"],
        "session": claims.get("sid", ""),
        # One use of a refresh token is checked when it is used.
        "generation": _LAST if claims["type"] == "refresh" else claims.get("generation", 0),
    }
    found = db.session.execute(_PERSON, asked).one_or_none()
    return None if found is None else Person(*found)


def _continue_by_refresh_token() -> None:
    try:
        verify_token(refresh=True, locations=["cookies"])
    except CSRFError:
        raise StaleForm(later("This form is from an earlier session: send it again.")) from None
    except BAD_TOKEN:
        raise Unauthenticated(later("Sign in to go on.")) from None
    g.new_tokens = renew_session()


def _send_new_tokens(response: Response) -> Response:
    if "new_tokens" in g:
        set_cookies(response, g.new_tokens)
    return response

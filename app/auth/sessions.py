"""Who is asking: sign up, log in, refresh, log out. Plain forms, and the same as JSON.

A browser's tokens live in HttpOnly cookies, guarded by a double-submitted CSRF value that stays the
same for the whole session, so that a form in another tab stays good; an API client's go in the
Authorization header. Signing out ends the session: both of its tokens are refused from then on,
but for what app.expected says.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import flask_jwt_extended as fje
import jwt
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    jsonify,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from sqlalchemy import bindparam, select
from werkzeug.utils import redirect as _redirect

from app.auth import accounts, passwords
from app.auth.accounts import Fields, FormErrors, log_in, sign_up
from app.auth.expected import ExpectedReaders, Reader, digest
from app.db.connection import begin_read_only
from app.db.models import EndedSession, Person, User, db, new_id, utc_now
from app.errors import Forbidden, InputError, Unauthenticated, wants_json

bp = Blueprint("auth", __name__, url_prefix="/auth")
jwt_manager = fje.JWTManager()
limiter = Limiter(get_remote_address)

_LONGEST_DRAFT = 2_000


class StaleForm(Forbidden):
    """A form of an earlier session: its page has to be loaded again before it can be sent."""


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
    except (JWTExtendedException, jwt.PyJWTError):
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
    except (JWTExtendedException, jwt.PyJWTError):
        raise Unauthenticated("Sign in to go on.") from None
    g.new_access_token = _access_token(fje.get_current_user().id, fje.get_jwt())


def current_user() -> Person:
    """The signed-in person. Only where `require_user` has let the request on."""
    return cast(Person, g.person)


def bearer(token: str) -> str | None:
    """The id of the person whose access token this is; None for any other token, a bad one, or
    one whose session has ended."""
    try:
        claims = fje.decode_token(token)
    except (JWTExtendedException, jwt.PyJWTError):
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


def _access_token(person_id: str, claims: dict[str, Any]) -> str:
    kept = {name: claims[name] for name in ("sid", "csrf")}
    token: str = fje.create_access_token(person_id, additional_claims=kept)
    return token


def _new_tokens(person_id: str) -> tuple[str, str]:
    claims = {"sid": new_id(), "csrf": new_id()}
    refresh = fje.create_refresh_token(person_id, additional_claims=claims)
    return _access_token(person_id, claims), refresh


def _input() -> dict[str, Any]:
    """The form's fields or the JSON body's; everything that isn't text is as if it were missing."""
    if not request.is_json:
        return request.form.to_dict()
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InputError("Send a JSON object.", field="body", status=400)
    return {name: value for name, value in body.items() if isinstance(value, str)}


def _signed_in(person: User, status: int) -> ResponseReturnValue:
    access, refresh = _new_tokens(person.id)
    if wants_json():
        body = {"user": accounts.profile(person), "access_token": access, "refresh_token": refresh}
        return jsonify(body), status
    response = redirect(safe_next(request.values.get("next")))
    fje.set_access_cookies(response, access)
    fje.set_refresh_cookies(response, refresh)
    return response


def safe_next(target: str | None) -> str:
    """Where to go after signing in: a path of this app, else the start page."""
    if not target or not target.startswith("/") or not target.isprintable():
        return "/"
    # Browsers read a backslash as a slash, and what follows two slashes as a host.
    return "/" if target.startswith("//") or "\\" in target else target


def _form(template: str, status: int = 200, errors: Fields | None = None) -> ResponseReturnValue:
    page = render_template(
        template, errors=errors or {}, typed=request.form, next=request.values.get("next", "")
    )
    return page, status


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    if wants_json():
        body = {"code": error.code, "message": error.message, "fields": error.fields}
        return jsonify(error=body), error.status
    template = "auth/signup.html" if request.endpoint == "auth.signup" else "auth/login.html"
    return _form(template, error.status, error.fields)


def _failed(response: Response) -> bool:
    return response.status_code in (401, 422)


def _limit() -> str:
    return str(current_app.config["SIGN_IN_LIMIT"])


@bp.get("/signup")
def signup_form() -> ResponseReturnValue:
    return _form("auth/signup.html")


@bp.post("/signup")
def signup() -> ResponseReturnValue:
    return _signed_in(sign_up(_input()), 201)


@bp.get("/signin")
@bp.get("/login")
def login_form() -> ResponseReturnValue:
    return _form("auth/login.html")


@bp.post("/signin")
@bp.post("/login")
@limiter.limit(_limit, deduct_when=_failed)
def login() -> ResponseReturnValue:
    return _signed_in(log_in(_input()), 200)


@bp.post("/refresh")
def refresh() -> ResponseReturnValue:
    """A new access token for the refresh token in the Authorization header or cookie."""
    try:
        fje.verify_jwt_in_request(refresh=True)
    except CSRFError:
        raise Forbidden("The X-CSRF-TOKEN header is missing or wrong.") from None
    except (JWTExtendedException, jwt.PyJWTError):
        raise Unauthenticated("The refresh token is missing, expired or not valid.") from None
    access = _access_token(fje.get_current_user().id, fje.get_jwt())
    response = jsonify(access_token=access)
    if "Authorization" not in request.headers:
        fje.set_access_cookies(response, access)
    return response


@bp.get("/profile")
def profile() -> ResponseReturnValue:
    require_user()
    if wants_json() or "text/html" not in request.headers.get("Accept", ""):
        return jsonify(user=accounts.profile(current_user()))
    return render_template("auth/profile.html", person=current_user())


@bp.post("/signout")
@bp.post("/logout")
def logout() -> ResponseReturnValue:
    try:
        require_user()
        _end_session(fje.get_jwt())
    except Unauthenticated:
        if wants_json():
            raise
    g.pop("new_access_token", None)
    if wants_json():
        return jsonify(message="You are signed out.")
    response = redirect(url_for("auth.login_form"))
    fje.unset_jwt_cookies(response)
    return response


def _end_session(claims: dict[str, Any]) -> None:
    lifetime: timedelta = current_app.config["JWT_REFRESH_TOKEN_EXPIRES"]
    gone = EndedSession.__table__.delete().where(EndedSession.expires_at < utc_now())
    db.session.execute(gone)
    db.session.merge(EndedSession(id=claims["sid"], expires_at=utc_now() + lifetime))
    db.session.commit()
    _expected().forget(claims["sub"])


def redirect(target: str) -> Response:
    """See other, by GET."""
    response: Response = _redirect(target, 303, Response=Response)  # type: ignore[assignment]
    return response


def to_login() -> Response:
    """The way to the login page and back here. What was typed comes back too."""
    _keep_draft()
    by_link = request.method == "GET" and not request.headers.get("HX-Request")
    here = request.full_path.rstrip("?") if by_link else _page_path()
    target = url_for("auth.login_form", next=safe_next(here))
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target)


def load_again() -> Response:
    """For htmx: the page as it is in this session, with what was typed."""
    _keep_draft()
    return Response(status=403, headers={"HX-Redirect": safe_next(_page_path())})


def _keep_draft() -> None:
    if request.method == "POST":
        session["draft"] = request.form.get("message", "")[:_LONGEST_DRAFT]


def _page_path() -> str:
    return urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "/").path


def _init_limiter(app: Flask) -> None:
    hooks = app.before_request_funcs.setdefault(None, [])
    others = hooks.copy()
    limiter.init_app(app)
    # The one view that has a limit looks at it by itself; a limit for all, or for a blueprint,
    # would need this hook.
    hooks[:] = others


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
    _init_limiter(app)
    app.extensions["expected_readers"] = ExpectedReaders()
    app.register_blueprint(bp)
    app.after_request(_send_new_token)
    app.jinja_env.globals["csrf_token"] = csrf_token

"""The tokens of a session: made when it begins, and when its refresh token is used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import flask_jwt_extended as fje
from flask import Response, current_app

from app.auth import security_log, session_table
from app.auth.place import place_of_request
from app.auth.session_table import TokenReused
from app.db.account_models import UserSession
from app.db.models import db, new_id, utc_now
from app.errors import Unauthenticated

SESSION_ENDED = "This session has ended: sign in to go on."


@dataclass(frozen=True)
class Tokens:
    """A session's tokens. Neither outlives the session, which lasts `seconds` more."""

    access: str
    refresh: str
    seconds: int


def tokens_of(session: UserSession, csrf: str) -> Tokens:
    """Return new tokens of the session, whose forms send this CSRF value."""
    claims = {"sid": session.id, "csrf": csrf, "generation": session.generation}
    left = timedelta(seconds=round((session.expires_at - utc_now()).total_seconds()))
    access = min(left, current_app.config["JWT_ACCESS_TOKEN_EXPIRES"])
    return Tokens(
        fje.create_access_token(session.user_id, expires_delta=access, additional_claims=claims),
        fje.create_refresh_token(session.user_id, expires_delta=left, additional_claims=claims),
        int(left.total_seconds()),
    )


def begin_session(person_id: str, password_at: datetime | None = None) -> Tokens:
    """Begin a session at the place that the request comes from.

    `password_at` is when the person showed who they are, if that wasn't now.
    """
    session = session_table.begin(person_id, place_of_request(), _lifetime(), password_at)
    return tokens_of(session, new_id())


def renew_session() -> Tokens:
    """Use up the refresh token that let the request on. Raises Unauthenticated."""
    claims = fje.get_jwt()
    db.session.rollback()  # a GET has begun to read only
    place = place_of_request()
    try:
        session = session_table.renew(
            claims["sid"],
            claims["generation"],
            place,
            _lifetime(),
            current_app.config["SESSION_LONGEST"],
        )
    except TokenReused:
        security_log.note("token_reused", claims["sub"], place)
        session = None
    if session is None:
        raise Unauthenticated(SESSION_ENDED)
    return tokens_of(session, claims["csrf"])


def set_cookies(response: Response, tokens: Tokens) -> None:
    """Give a browser the session's tokens, for as long as the session lasts."""
    fje.set_access_cookies(response, tokens.access, max_age=tokens.seconds)
    fje.set_refresh_cookies(response, tokens.refresh, max_age=tokens.seconds)


def _lifetime() -> timedelta:
    return cast(timedelta, current_app.config["JWT_REFRESH_TOKEN_EXPIRES"])

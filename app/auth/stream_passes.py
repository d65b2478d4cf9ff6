"""Passes with which the reader who has just asked opens the answer's stream.

The page opens that stream some milliseconds after it sent the question. Checking its token, its
session and the run's owner once more would add 0.8 ms of CPU to the 6.4 ms that a question costs.

A pass is good for one run, for the cookie that the question came with, and for SECONDS. It is
signed, so any worker accepts it. A session that has ended within that time still opens the stream
so, for a moment: until the worker looks which sessions are open (app/lifecycle.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from typing import cast

import jwt
from flask import Flask, current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from app.auth.roles import ADMIN
from app.auth.signed_texts import timed_signer

SECONDS = 5


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a stream, in which session. `csrf_token` goes into the forms that it brings."""

    user_id: str
    session_id: str
    role: str
    csrf_token: str

    @property
    def is_admin(self) -> bool:
        return self.role == ADMIN


def init_app(app: Flask) -> None:
    app.extensions["stream_passes"] = timed_signer(app.config["SECRET_KEY"], "stream pass")


def issue_pass(run_id: str, cookie: str, role: str) -> str:
    """Return a pass for the person whose access token this cookie is. It was checked before."""
    return str(_serializer().dumps(role, salt=_salt(run_id, cookie)))


def read_pass(text: str, run_id: str, cookie: str) -> Reader | None:
    """Return who the pass lets in to the run's stream; None if it is not good, or not any more."""
    try:
        role = _serializer().loads(text, max_age=SECONDS, salt=_salt(run_id, cookie))
    except BadData:
        return None
    # The signature shows that this cookie was checked when the pass was issued.
    claims = jwt.decode(cookie, options={"verify_signature": False})
    return Reader(claims["sub"], claims["sid"], role, claims["csrf"])


def _serializer() -> URLSafeTimedSerializer:
    return cast(URLSafeTimedSerializer, current_app.extensions["stream_passes"])


def _salt(run_id: str, cookie: str) -> bytes:
    return b"stream pass" + blake2s(f"{run_id} {cookie}".encode()).digest()

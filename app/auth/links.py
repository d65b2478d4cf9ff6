"""Signed values for the links in mails. Each purpose has a signature of its own."""

from __future__ import annotations

from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from app.auth.signed_texts import timed_signer
from app.errors import LinkGone


def sign_link(purpose: str, value: Any) -> str:
    """Return the token of a link."""
    return str(_serializer(purpose).dumps(value))


def read_link(purpose: str, token: str, minutes: int) -> Any:
    """Return the value in a link's token. Raises LinkGone if it is not ours or older than that."""
    try:
        return _serializer(purpose).loads(token, max_age=minutes * 60)
    except BadData:
        raise LinkGone from None


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    return timed_signer(current_app.config["SECRET_KEY"], f"link: {purpose}")

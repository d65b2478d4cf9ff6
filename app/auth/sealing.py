"""Encrypt short texts with a key that is derived from SECRET_KEY."""

from __future__ import annotations

from typing import cast

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, current_app
from itsdangerous.encoding import base64_encode


class Unreadable(Exception):
    """A sealed text is too old, was changed, or was sealed under another SECRET_KEY."""


def init_app(app: Flask) -> None:
    # A key of its own, so that what leaks of it tells nothing about the key that signs sessions.
    derived = HKDF(SHA256(), 32, salt=None, info=b"second factor secrets")
    key = derived.derive(app.config["SECRET_KEY"].encode())
    app.extensions["sealing"] = Fernet(base64_encode(key) + b"=")


def seal(text: str) -> str:
    """Encrypt the text, with the time."""
    return seal_bytes(text.encode())


def unseal(sealed: str, max_age: int | None = None) -> str:
    """Decrypt what `seal` made, at most `max_age` seconds ago. Raises Unreadable."""
    try:
        return unseal_bytes(sealed, max_age).decode()
    except UnicodeDecodeError:
        raise Unreadable from None


def seal_bytes(content: bytes) -> str:
    """Encrypt the bytes, with the time."""
    return _fernet().encrypt(content).decode()


def unseal_bytes(sealed: str, max_age: int | None = None) -> bytes:
    """Decrypt what `seal_bytes` made, at most `max_age` seconds ago. Raises Unreadable."""
    try:
        return _fernet().decrypt(sealed.encode(), ttl=max_age)
    except InvalidToken:
        raise Unreadable from None


def _fernet() -> Fernet:
    return cast(Fernet, current_app.extensions["sealing"])

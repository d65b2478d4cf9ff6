"""Passwords, kept as Argon2 hashes only."""

from __future__ import annotations

from functools import cache
from typing import cast

import argon2
import gevent
from flask import Flask, current_app

_STRONG = argon2.PasswordHasher()


def hash_password(password: str) -> str:
    """What is stored of it."""
    # Argon2 computes in C for tens of milliseconds; in a real thread the streams go on meanwhile.
    hashed: str = gevent.get_hub().threadpool.apply(_hasher().hash, (password,))
    return hashed


def verify_password(known: str | None, password: str) -> bool:
    """Whether `known` is this password's hash. Without one it is not, and takes as long, so that
    time does not tell which accounts exist."""
    compared = _of_nobody(_hasher()) if known is None else known
    try:
        gevent.get_hub().threadpool.apply(_hasher().verify, (compared, password))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return known is not None


def init_app(app: Flask, hasher: argon2.PasswordHasher = _STRONG) -> None:
    app.extensions["password_hasher"] = hasher


def _hasher() -> argon2.PasswordHasher:
    return cast(argon2.PasswordHasher, current_app.extensions["password_hasher"])


@cache
def _of_nobody(hasher: argon2.PasswordHasher) -> str:
    return hasher.hash("nobody")


_of_nobody(_STRONG)  # now, or the first log-in without an account would take longer

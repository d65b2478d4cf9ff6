"""Passwords, stored as Argon2 hashes only."""

from __future__ import annotations

from functools import cache
from typing import cast

import argon2
import gevent
from flask import Flask, current_app

_STRONG = argon2.PasswordHasher()


def init_app(app: Flask, hasher: argon2.PasswordHasher = _STRONG) -> None:
    app.extensions["password_hasher"] = hasher


def hash_password(password: str) -> str:
    # Argon2 computes in C for tens of milliseconds: in a thread, so that streams go on meanwhile.
    hashed: str = gevent.get_hub().threadpool.apply(_hasher().hash, (password,))
    return hashed


def verify_password(stored: str | None, password: str) -> bool:
    """Whether `stored` is a hash of the password.

    None stands for no account. It takes as long, so that time doesn't tell which accounts exist.
    """
    compared = _of_nobody(_hasher()) if stored is None else stored
    same = gevent.get_hub().threadpool.apply(_is_hash_of, (_hasher(), compared, password))
    return bool(same) and stored is not None


def _is_hash_of(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
    """Caught within the thread: gevent would print a traceback for what leaves it."""
    try:
        return hasher.verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _hasher() -> argon2.PasswordHasher:
    return cast(argon2.PasswordHasher, current_app.extensions["password_hasher"])


@cache
def _of_nobody(hasher: argon2.PasswordHasher) -> str:
    return hasher.hash("nobody")


_of_nobody(_STRONG)  # now, or the first log-in without an account would take longer

"""Passwords, stored as Argon2 hashes only.

Argon2 computes in C for a tenth of a second: in a thread, so that streams go on meanwhile. New
passwords have one thread and log-ins another, so that many sign-ups at once leave a core to the
streams and don't hold log-ins up.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from typing import TypeVar, cast

import argon2
from argon2.low_level import ARGON2_VERSION
from flask import Flask, current_app
from gevent.threadpool import ThreadPool

from app.errors import TooMany
from app.texts import later

# More than OWASP asks for, with one lane: with the usual four, a hash would take all cores.
_STRONG = argon2.PasswordHasher(time_cost=2, memory_cost=46 * 1024, parallelism=1)
_MOST_WAITING = 200

_Result = TypeVar("_Result")


class _Thread:
    """A thread that computes one hash after the other, while a bounded number wait."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)
        self.waiting = 0

    def compute(self, work: Callable[..., _Result], *values: object) -> _Result:
        if self.waiting >= _MOST_WAITING:
            message = later("Too many people sign in just now. Try again in a moment.")
            raise TooMany(message, code="too_many_passwords", own=False)
        self.waiting += 1
        try:
            result: _Result = self._pool.apply(work, values)
            return result
        finally:
            self.waiting -= 1


class _Passwords:
    def __init__(self, hasher: argon2.PasswordHasher) -> None:
        self.hasher = hasher
        self.hash_of_nobody = _hash_of_nobody(hasher)
        self.new, self.tried = _Thread(), _Thread()


def init_app(app: Flask, hasher: argon2.PasswordHasher = _STRONG) -> None:
    app.extensions["passwords"] = _Passwords(hasher)


def hash_password(password: str) -> str:
    """Return the hash to store. Raises TooMany."""
    known = _known()
    return known.new.compute(known.hasher.hash, password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether `stored` is a hash of the password. Raises TooMany.

    None stands for no account, "" for an account without a password. Either takes as long, so that
    time doesn't tell which accounts exist.
    """
    known = _known()
    compared = stored or known.hash_of_nobody
    same = known.tried.compute(_is_hash_of, known.hasher, compared, password)
    return same and bool(stored)


def _is_hash_of(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
    """Caught within the thread: gevent would print a traceback for what leaves it."""
    try:
        return hasher.verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _known() -> _Passwords:
    return cast(_Passwords, current_app.extensions["passwords"])


def _hash_of_nobody(hasher: argon2.PasswordHasher) -> str:
    """Return what looks like a hash of `hasher`, and is none of any password that somebody knows.

    Made up rather than computed, which would take a twentieth of a worker's start.
    """
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = map(_base64, (os.urandom(hasher.salt_len), os.urandom(hasher.hash_len)))
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _base64(value: bytes) -> str:
    """As Argon2 writes it: without padding."""
    return b64encode(value).decode().rstrip("=")

"""The keys that sign tokens for tool services: one in use, maybe one to follow, and retired ones.

SIGNING_KEY_FILE is the first key. A key in a file beside it, `signing_key.<time>.pem`, signs from
that moment on, in seconds since 1970. The name alone says when, so every process of every node that
has the file changes over at the same moment, and has published the key before.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from app.auth.key_files import create_signing_key, load_signing_key
from tool_services.framework.public_keys import public_jwk

log = logging.getLogger(__name__)

TOKEN_SECONDS = 300
"""The longest that a token lasts."""
# A retired key stays published until its last token has expired, on clocks that differ by a minute.
RETIRED_SECONDS = TOKEN_SECONDS + 60
_REREAD_SECONDS = 1.0


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs from a moment on, and its public half as a JSON Web Key."""

    signs_from: float
    private: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)
    public: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.public["kid"])


class SigningKeys:
    """The keys in `file` and beside it, read again when they change. Raises ValueError."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[tuple[Path, int], SigningKey] = {}
        self._keys = [self._load(file)]
        self._read()

    def current(self) -> SigningKey:
        """Return the key that signs now."""
        now = time.time()
        return [key for key in self._fresh() if key.signs_from <= now][-1]

    def published(self) -> list[SigningKey]:
        """Return all but the keys whose last token has expired, oldest first."""
        keys = self._fresh()
        retired = [key for key in keys if key.signs_from <= time.time() - RETIRED_SECONDS]
        return keys[max(len(retired) - 1, 0) :]

    def _fresh(self) -> list[SigningKey]:
        if time.monotonic() - self._read_at >= _REREAD_SECONDS:
            self._read()
        return self._keys

    def _read(self) -> None:
        self._read_at = time.monotonic()
        try:
            keys = [self._load(file) for file in key_files(self._file)]
        except (OSError, ValueError) as error:
            # A file that is being copied is whole a moment later. Until then the others do.
            log.warning("The signing keys could not be read again: %s", error)
        else:
            self._keys = sorted(keys, key=lambda key: key.signs_from)

    def _load(self, file: Path) -> SigningKey:
        # load_signing_key says what is wrong with a file that isn't there.
        version = (file, file.stat().st_mtime_ns if file.exists() else 0)
        if version not in self._known:
            private = load_signing_key(file)
            public = public_jwk(private.public_key())
            self._known[version] = SigningKey(_signs_from(file, self._file), private, public)
        return self._known[version]


def rotate(file: Path, delay: float) -> tuple[Path, float]:
    """Make a key that signs from `delay` seconds on. Return its file, and the moment.

    Files of keys whose tokens have all expired are removed. Raises ValueError if another new key
    doesn't sign yet.
    """
    _remove_retired(file)
    newest = key_files(file)[-1]
    if _signs_from(newest, file) > time.time():
        raise ValueError(f"{newest} is a new key already, and doesn't sign yet")
    moment = int(time.time() + delay)
    new = file.with_name(f"{file.stem}.{moment}{file.suffix}")
    create_signing_key(new)
    return new, moment


def key_files(file: Path) -> list[Path]:
    """Return the files of all keys, in the order in which they sign."""
    beside = [
        other
        for other in file.parent.glob(f"{file.stem}.*{file.suffix}")
        if _moment(other, file).isdecimal()
    ]
    return [file, *sorted(beside, key=lambda other: _signs_from(other, file))]


def _remove_retired(file: Path) -> None:
    """Remove all keys that are no longer published. The one that follows them is `file` then."""
    old = time.time() - RETIRED_SECONDS
    *retired, first = [other for other in key_files(file) if _signs_from(other, file) <= old]
    if first != file:
        first.replace(file)
        for other in retired[1:]:
            other.unlink()


def _moment(file: Path, first: Path) -> str:
    return file.name.removeprefix(f"{first.stem}.").removesuffix(first.suffix)


def _signs_from(file: Path, first: Path) -> float:
    return 0.0 if file == first else float(_moment(file, first))

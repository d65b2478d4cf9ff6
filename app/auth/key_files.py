"""Secrets that the program makes at its first start, in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

SECRET_KEY_FILE = "secret_key"  # noqa: S105 - the name of a file
SIGNING_KEY_FILE = "signing_key.pem"


def ensure_secrets(folder: Path) -> None:
    """Create the secrets that `folder` lacks (folder mode 0700, files 0600); keep the others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    _create_once(folder / SECRET_KEY_FILE, lambda: secrets.token_urlsafe(48).encode())
    create_signing_key(folder / SIGNING_KEY_FILE)


def read_secret_key(folder: Path) -> str:
    """Read the secret that signs sessions, "" if there is none. Raises ValueError."""
    file = folder / SECRET_KEY_FILE
    try:
        return file.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise ValueError(
            f"SECRET_KEY can't be read from {file} ({error.strerror}); make the file yours"
        ) from None


def create_signing_key(file: Path) -> None:
    """Make a private key that signs tokens, unless the file is there."""
    _create_once(file, _new_signing_key)


def load_signing_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Load the private key that signs tokens. Raises ValueError."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        reason = error.strerror
    except (TypeError, ValueError):  # encrypted, or no key at all
        reason = "no private key that can be read"
    else:
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
        reason = "no elliptic-curve key"
    raise ValueError(
        f"SIGNING_KEY_FILE is {file}, but that file can't be used ({reason}); leave the setting "
        "empty and run `make setup`, which makes one"
    )


def _new_signing_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _create_once(path: Path, make: Callable[[], bytes]) -> None:
    # O_EXCL: if two processes start at once, one writes and the other keeps what it finds.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        return
    with os.fdopen(handle, "wb") as file:
        file.write(make())

"""Secrets that the program makes for itself at first start, in files only their owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

SECRET_KEY_FILE = "secret_key"  # noqa: S105 - a file's name
SIGNING_KEY_FILE = "signing_key.pem"


def ensure_secrets(folder: Path) -> None:
    """Create what is missing in `folder` (mode 0700, files 0600); what is there stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    _create_once(folder / SECRET_KEY_FILE, lambda: secrets.token_urlsafe(48).encode())
    _create_once(folder / SIGNING_KEY_FILE, _new_signing_key)


def _new_signing_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _create_once(path: Path, make: Callable[[], bytes]) -> None:
    # O_EXCL: when two processes start at once, one writes and the other keeps what was written.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        return
    with os.fdopen(handle, "wb") as file:
        file.write(make())

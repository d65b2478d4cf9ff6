"""The key with which the operator reads the mailbox page where no mail server is set up."""

from __future__ import annotations

import hmac


def operator_key(secret_key: str) -> str:
    """Return the key, which follows from SECRET_KEY: who knows that can sign in as anybody."""
    return hmac.digest(secret_key.encode(), b"the operator's mailbox", "sha256").hex()


def is_operator_key(given: str, secret_key: str) -> bool:
    return hmac.compare_digest(given.encode(), operator_key(secret_key).encode())

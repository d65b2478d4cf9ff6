"""Signed texts that the app hands out and gets back: in cookies, links and forms.

itsdangerous signs by HMAC-SHA1 unless told otherwise; everything of ours is signed by HMAC-SHA256.
"""

from __future__ import annotations

from hashlib import sha256

from itsdangerous import Signer, URLSafeTimedSerializer


def timed_signer(key: str, salt: str) -> URLSafeTimedSerializer:
    """Return what signs a value and the time. Each purpose has a `salt` of its own."""
    return URLSafeTimedSerializer(key, salt=salt, signer_kwargs={"digest_method": sha256})


def plain_signer(key: str, salt: str) -> Signer:
    """Return what signs a text without a time."""
    return Signer(key, salt=salt, digest_method=sha256)

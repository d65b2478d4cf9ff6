"""The digest of a call's arguments, by which a token is good for that call alone."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_LARGEST_EXACT = 2**53


def argument_digest(arguments: Any) -> str:
    """Return the SHA-256 of the arguments as canonical JSON, in hexadecimal.

    Names are sorted, there are no spaces, and 3.0 is written as 3, as RFC 8785 does.
    """
    text = json.dumps(
        _canonical(arguments), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return int(value)
    return value

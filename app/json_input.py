"""JSON from outside: from a model, a tool server, a client of the API.

What passes can be stored and sent on to every reader as it is. Knows nothing of who sent it.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from pydantic_core import from_json

# Numbers that may be too large for a float: `from_json` makes them infinite.
_MAYBE_INFINITE = re.compile(r"\d[eE]\+?\d{3}|\d{300}")


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text. Raises ValueError with a sentence.

    Refused are NaN and infinite numbers, halves of surrogate pairs, encodings other than UTF-8,
    nesting of more than 200 levels, and integers of more than 4,300 digits. Smaller integers keep
    every digit. Where an object has a key twice, the last one counts.
    """
    try:
        text = _as_text(text)
        value = from_json(text, allow_inf_nan=False)
        if _MAYBE_INFINITE.search(text):
            json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"This is not valid JSON: {error}.") from None
    return value


def _as_text(text: str | bytes) -> str:
    if isinstance(text, bytes):
        return text.removeprefix(codecs.BOM_UTF8).decode()
    # A Python string may hold half a surrogate pair, which no encoding can carry.
    text.encode()
    return text

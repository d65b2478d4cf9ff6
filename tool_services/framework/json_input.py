"""JSON from outside."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text.

    Python's own parser accepts NaN and lone surrogates, and nesting that exhausts its stack. This
    one refuses all three. Raises ValueError with the reason.
    """
    return from_json(body, allow_inf_nan=False)

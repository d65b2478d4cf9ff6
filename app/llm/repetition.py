"""Notices a reply that says the same again and again, as small models do until they are stopped."""

from __future__ import annotations

LOOKED_AT = 3_000
"""Bytes at the end of a reply. Fewer may be meant, as in a line to be written a hundred times."""
_LEAST_TIMES = 8
_SHORTEST = 16
_KEY = 64


def repeats(tail: bytes) -> bool:
    """Whether a text of LOOKED_AT bytes is one piece, such as a sentence, eight times or more.

    Shorter pieces are left alone: a row of dashes, a word to be learned.
    """
    before = tail.rfind(tail[-_KEY:], 0, -1)
    length = len(tail) - _KEY - before
    if before < 0 or not _SHORTEST <= length <= len(tail) // _LEAST_TIMES:
        return False
    return tail[length:] == tail[:-length]

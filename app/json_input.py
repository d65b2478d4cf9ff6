"""Whether a JSON text is nested too deeply, found out before anything parses it: a parser that runs
out of stack fails cleanly itself, but not whatever else is being tidied up at that moment."""

from __future__ import annotations

import re

DEEPEST = 100
# A string is over at its quote, or at the text's end: no text takes longer than its length.
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([\[{])|([\]}])', re.DOTALL)


def is_too_deep(text: str) -> bool:
    """Whether its lists and objects go deeper than DEEPEST. A text that isn't JSON is answered for
    as far as it could be."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += (token[1] is not None) - (token[2] is not None)
        if depth > DEEPEST:
            return True
    return False

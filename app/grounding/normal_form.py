"""Writes addresses and ids in one way, so that they can be compared."""

from __future__ import annotations

import re

_SHORT = {
    "street": "st", "avenue": "ave", "drive": "dr", "lane": "ln", "road": "rd", "court": "ct",
    "boulevard": "blvd", "place": "pl", "terrace": "ter", "circle": "cir", "parkway": "pkwy",
    "square": "sq", "highway": "hwy", "trail": "trl", "north": "n", "south": "s", "east": "e",
    "west": "w",
}  # fmt: skip


def normalise(text: str) -> str:
    """Return an address or an id as it is compared: words in small letters, short forms alike."""
    words = re.findall(r"\w+", text.lower().replace("straße", "str").replace("strasse", "str"))
    return " ".join([_SHORT.get(word, word) for word in words])

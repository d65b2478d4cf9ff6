"""The answer of the scripted upstream, token by token: Markdown such as models write."""

from __future__ import annotations

import re

FIRST = "Overview"
"""First token of every answer; it appears nowhere else in it."""

_OPENING = f"""{FIRST} of the homes that were found for you, with what speaks for each of them and \
what may speak against it. Prices are those of this morning, and they change often.

"""
_SECTION = """## Part {number}: quiet streets

There are **three homes** here that fit what you asked for, and one that nearly does. The first is \
the largest of them, on a corner lot with old trees, a short walk from the park and the school. It \
was built in 1948 and made new six years ago, so the kitchen, the roof and the wiring are good for \
a long while. The second one costs less because it lies on a busier road, but its garden looks to \
the south and nobody can see into it from anywhere.

- 123 Oak Street, three bedrooms, two bathrooms, a garage for two cars
- 456 Pine Avenue, four bedrooms, a **large deck** and a workshop behind the house
- 78 Maple Court, three bedrooms, close to the light rail and to everything else

What would I look at first? The one on Oak Street, since homes like it are sold within nine days \
on average, while the others have been on the market for more than a month. If the noise of the \
road does not trouble you, then ask for the second one as well: its owners have lowered the price \
twice, most recently by four percent, and they would rather sell before the winter than wait.

"""


def answer_tokens(count: int) -> list[str]:
    """Return the answer with so many tokens, about five characters each. Always the same."""
    text = _OPENING
    number = 0
    pieces: list[str] = []
    while len(pieces) < count:
        number += 1
        text += _SECTION.format(number=number)
        if number % 20 == 0 or len(text) > count * 4:
            pieces += _cut(text)
            text = ""
    return pieces[:count]


def _cut(text: str) -> list[str]:
    """Cut like a tokenizer: a word includes the space before it, a long word is cut up."""
    words = re.findall(r" ?[A-Za-z]{1,12}| ?\d{1,3}|\n+| ?[^\sA-Za-z\d]+| +", text)
    assert "".join(words) == text  # noqa: S101 - else the answers would lack characters
    return words

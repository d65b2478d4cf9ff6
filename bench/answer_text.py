"""The answer of the scripted upstream, token by token: Markdown such as models write."""

from __future__ import annotations

import re

FIRST = "Overview"
"""First token of every answer; it appears nowhere else in it."""

_OPENING = f"""{FIRST} of the paths that were found for you, with what speaks for each of them and \
what may speak against it. Times are those of this morning, and they change often.

"""
_SECTION = """## Part {number}: quiet paths

There are **three paths** here that fit what you asked for, and one that nearly does. The first is \
the longest of them, along a river with old trees, a short walk from the ferry and the mill. It \
was laid in 1948 and made new six years ago, so the bridge, the steps and the signs are good for \
a long while. The second one takes less because it follows a busier road, but its slope looks to \
the south and nobody can see into it from anywhere.

- 123 minutes by the river, three bridges, two meadows, a bench in the shade
- 456 steps to the tower, four landings, a **large view** and a spring behind the wall
- 78 minutes by the mill, three meadows, close to the light rail and to everything else

What would I walk first? The one by the river, since paths like it are cleared within nine days \
on average, while the others have been under the leaves for more than a month. If the noise of the \
road does not trouble you, then try the second one as well: its keepers have shortened the climb \
twice, most recently by four percent, and they would rather open before the winter than wait.

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

"""Colours for the code of finished answers: classes that app.css gives a colour, and nothing else.

Pygments reads the code. The time its patterns take may be quadratic, so only the languages below
are read, in short blocks, in a thread, and never while an answer is written.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from pygments.lexer import Lexer

LONGEST_CODE = 3_000
"""Characters of one block that gets colours."""
MOST_CODE = 20_000
"""Characters of one answer's blocks that get colours."""

LEXERS = {
    **dict.fromkeys(("python", "py"), "python"),
    **dict.fromkeys(("javascript", "js"), "javascript"),
    **dict.fromkeys(("typescript", "ts"), "typescript"),
    **dict.fromkeys(("bash", "sh", "shell"), "bash"),
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    **{name: name for name in ("json", "sql", "css", "toml", "go", "rust", "c", "diff")},
}
"""The lexer of each language that a code block may name."""
CLASSES = frozenset(f"language-{name}" for name in LEXERS)

_BLOCK = re.compile(r'(<pre><code class="language-([a-z]+)">)([^<]*)(</code></pre>)')
# Of white space as wide as this, some lexers go through all of it for each character.
_WIDE = re.compile(r"\s{80}")
# The first of these that a token's name begins with gives its class.
_KINDS = {
    "Comment": "k-comment",
    "Keyword": "k-word",
    "Operator.Word": "k-word",
    "Literal.String": "k-text",
    "Literal.Number": "k-number",
    "Name.Function": "k-name",
    "Name.Class": "k-name",
    "Name.Builtin": "k-name",
    "Name.Tag": "k-name",
    "Name.Decorator": "k-name",
    "Generic.Deleted": "k-deleted",
    "Generic.Inserted": "k-text",
    "Generic.Heading": "k-word",
    "Generic.Subheading": "k-word",
}


def has_code(html: str) -> bool:
    """Return whether an answer's HTML has code that may get colours."""
    return '<pre><code class="language-' in html


def with_colours(html: str) -> str:
    """Return sanitised HTML with its code in colours. The text stays the same."""
    left = MOST_CODE

    def block(match: re.Match[str]) -> str:
        nonlocal left
        start, language, code, end = match.groups()
        if len(code) > min(LONGEST_CODE, left) or language not in LEXERS or _WIDE.search(code):
            return match[0]
        left -= len(code)
        return f"{start}{_in_thread(LEXERS[language], unescape(code))}{end}"

    return _BLOCK.sub(block, html) if has_code(html) else html


@lru_cache(maxsize=128)
def _in_thread(lexer: str, code: str) -> str:
    """Return the code in colours. Other greenlets run meanwhile."""
    coloured: str = gevent.get_hub().threadpool.apply(_coloured, (lexer, code))
    return coloured


def _coloured(lexer: str, code: str) -> str:
    pieces: list[str] = []
    for token, text in _lexer(lexer).get_tokens(code):  # type: ignore[no-untyped-call]
        kind = _kind(str(token).removeprefix("Token."))
        shown = escape(text, quote=False)
        pieces.append(f'<span class="{kind}">{shown}</span>' if kind else shown)
    return "".join(pieces)


@cache
def _kind(token: str) -> str:
    return next((kind for name, kind in _KINDS.items() if token.startswith(name)), "")


@cache
def _lexer(name: str) -> Lexer:
    # Not above: an app whose answers have no code need not load it.
    from pygments.lexers import get_lexer_by_name

    lexer: Lexer = get_lexer_by_name(  # type: ignore[no-untyped-call]
        name, stripnl=False, ensurenl=False
    )
    return lexer

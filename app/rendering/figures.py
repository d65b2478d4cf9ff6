"""An answer's HTML with its figures marked.

Marks are put into the Markdown as two characters that mean nothing to it, and become elements once
the HTML is sanitised. Without them the HTML is exactly that of the text, or it stays unmarked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from markupsafe import Markup, escape

from app.grounding.figure import Figure
from app.rendering.links import LinkTarget
from app.rendering.markdown import to_html
from app.rendering.suggestions import without_suggestions

_BEGIN, _END = "\x02", "\x03"
_MARK = re.compile("<a\\b|</a>|\x02([^<\x02\x03]*)\x03")
_MARKED = ("tool", "worked_out", "none")


def with_marks(
    source: str,
    html: str,
    figures: Iterable[Figure],
    target: LinkTarget,
    link: Callable[[Figure], str],
) -> str:
    """Return the HTML of a Markdown text with its figures marked, whose places are in the text.

    `html` is that of the text without marks. `link` returns a link's beginning for a figure.
    """
    marked = [figure for figure in figures if figure.source in _MARKED]
    if not marked or _BEGIN in source or _END in source:
        return html
    noted = to_html(without_suggestions("".join(_noted(source, marked))), target)
    if noted.replace(_BEGIN, "").replace(_END, "") != html:
        return html
    return Markup(_replace(noted, marked, link))  # noqa: S704 # nosec B704


def _noted(source: str, figures: Sequence[Figure]) -> Iterator[str]:
    at = 0
    for figure in figures:
        # A backslash belongs to the character after it.
        start = figure.start - (source[figure.start - 1 : figure.start] == "\\")
        yield source[at:start] + _BEGIN + source[start : figure.end] + _END
        at = figure.end
    yield source[at:]


def _replace(html: str, figures: Sequence[Figure], link: Callable[[Figure], str]) -> str:
    """Put elements in the places of the marks. A link can't be within another one."""
    left = iter(figures)
    within_link = False

    def element(match: re.Match[str]) -> str:
        nonlocal within_link
        if match[1] is None:
            within_link = match[0] != "</a>"
            return match[0]
        return _element(match[1], next(left), link, within_link)

    replaced = _MARK.sub(element, html)
    # A mark with an element in it would leave one half of it.
    return replaced if next(left, None) is None and _BEGIN not in replaced else _unmark(html)


def _element(words: str, figure: Figure, link: Callable[[Figure], str], within_link: bool) -> str:
    if figure.source == "none":
        return (
            f'<span class="unsourced" title="Not from the tools">{words}'
            '<span class="sr"> (not from the tools)</span></span>'
        )
    return words if within_link or not figure.call else f"{link(figure)}{words}</a>"


def _unmark(html: str) -> str:
    return html.replace(_BEGIN, "").replace(_END, "")


class CallLinks:
    """The links from an answer's figures to the calls that they are from.

    Only the first link to each call is reached with the Tab key: a table may have dozens.
    """

    def __init__(self, tools: dict[str, str]) -> None:
        self._tools = tools  # of the answer's own calls, by id
        self._linked: set[str] = set()

    def __call__(self, figure: Figure) -> str:
        call = figure.call or ""
        tool = self._tools.get(call)
        address = f"#c-{call}" if tool else f"/calls/{call}"
        words = "Worked out from" if figure.source == "worked_out" else "From"
        title = escape(f"{words} {tool}" if tool else f"{words} an earlier result")
        skipped = ' tabindex="-1"' if call in self._linked else ""
        self._linked.add(call)
        return f'<a class="figure" href="{escape(address)}" title="{title}"{skipped}>'

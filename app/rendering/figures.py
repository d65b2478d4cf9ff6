"""An answer's HTML with its figures marked.

Marks are put into the Markdown as two characters that mean nothing to it, and become elements once
the HTML is sanitised. Without them the HTML is exactly that of the text, or it stays unmarked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from markupsafe import Markup, escape

from app.grounding.figure import Figure
from app.rendering.formulas import formula_spans
from app.rendering.links import LinkTarget
from app.rendering.markdown import to_html
from app.rendering.suggestions import without_suggestions

_BEGIN, _END = "\x02", "\x03"
_MARK = re.compile("<a\\b|</a>|\x02([^<\x02\x03]*)\x03")
_MARKED = ("tool", "worked_out", "none")


def with_marks(
    source: str,
    begin: int,
    html: str,
    figures: Iterable[Figure],
    target: LinkTarget,
    link: Callable[[Figure], str],
) -> str:
    """Return the HTML of a Markdown text with its figures marked.

    `html` is that of the text without marks; `begin` is where the text begins in the answer.
    `link` returns the beginning of a figure's link.
    """
    marked = [figure for figure in figures if figure.source in _MARKED]
    if formulas := formula_spans(source):
        marked = [figure for figure in marked if not _overlaps(figure, begin, formulas)]
    if not marked or _BEGIN in source or _END in source:
        return html
    noted = to_html(without_suggestions("".join(_noted(source, begin, marked))), target)
    if _unmark(noted) != html:
        return html
    # The sanitised HTML, with elements of our own.
    marked_html = _replace(noted, marked, link)
    return Markup(marked_html)  # noqa: S704 # nosec B704


def _overlaps(figure: Figure, begin: int, spans: Iterable[tuple[int, int]]) -> bool:
    start, end = figure.start - begin, figure.end - begin
    return any(first < end and start < last for first, last in spans)


def _noted(source: str, begin: int, figures: Sequence[Figure]) -> Iterator[str]:
    at = 0
    for figure in figures:
        start, end = figure.start - begin, figure.end - begin
        # A backslash belongs to the character after it.
        first = start - (source[start - 1 : start] == "\\")
        yield source[at:first] + _BEGIN + source[first:end] + _END
        at = end
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
        self._links: dict[tuple[str, str], str] = {}

    def __call__(self, figure: Figure) -> str:
        call = figure.call or ""
        key = (call, figure.source)
        if key not in self._links:
            self._links[key] = self._link(call, figure.source)
        if call in self._linked:
            return f'{self._links[key]} tabindex="-1">'
        self._linked.add(call)
        return f"{self._links[key]}>"

    def _link(self, call: str, source: str) -> str:
        tool = self._tools.get(call)
        address = f"#c-{call}" if tool else f"/calls/{call}"
        words = "Worked out from" if source == "worked_out" else "From"
        title = escape(f"{words} {tool}" if tool else f"{words} an earlier result")
        return f'<a class="figure" href="{escape(address)}" title="{title}"'

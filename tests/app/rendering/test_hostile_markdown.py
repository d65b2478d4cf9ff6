"""Markdown made to be slow: it is rendered in little time, in which everybody else goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.rendering.markdown import DEEPEST, to_html
from app.rendering.streamed_markdown import StreamedMarkdown
from tests.support.dom import depth
from tests.support.event_loop import watched_turns

LONGEST = 40_000
LONGEST_TURN = 40  # as in Turns.longest; the longest is 4
MOST_CPU = 160  # as in Turns.all; the worst takes 66


def filled(piece: str, count: int = LONGEST) -> str:
    return (piece * (count // len(piece) + 1))[:count]


def lines(line: Callable[[int], str]) -> str:
    """Lines that grow, in all about LONGEST characters."""
    return "".join(map(line, range(int(LONGEST**0.5))))


HOSTILE = {
    "quotes": filled(">"),
    "spaced quotes": filled("> "),
    "bullets": filled("+ "),
    "numbers": filled("1. "),
    "quotes and bullets": filled("> - "),
    "growing quotes": lines(lambda n: ">" * n + "a\n"),
    "growing lists": lines(lambda n: "  " * n + "- a\n"),
    "stars": filled("*"),
    "stars and words": filled("*a "),
    "emphasis": "*a **b " * (LONGEST // 16) + "a* b** " * (LONGEST // 16),
    "strike-through": filled("~~a "),
    "brackets": filled("["),
    "images": filled("!["),
    "links": filled("[a]("),
    "link titles": filled('[a](/b "'),
    "angles": filled("<"),
    "comments": filled("<!--"),
    "tags": filled("<a "),
    "elements": filled("<div>\n\n"),
    "HTML that ends a code block that hides HTML": "<div>\n~~~\n\n" + filled("~~~\n<div>\n~~~\n\n"),
    "back-ticks": lines(lambda n: "a" + "`" * n),
    "entities": filled("&#0;"),
    "hard spaces": filled("\N{NO-BREAK SPACE}"),
    "definitions": "".join(f"[{n}]: /{n}\n" for n in range(3_000)) + filled("[1] [2] "),
    "one definition": f"[a]: /{filled('u', LONGEST // 2)}\n\n" + filled("[a] ", LONGEST // 2),
    "a long table": "|a|b|\n|-|-|\n" + filled("|c|d|\n"),
    "a wide table": "|a" * 400 + "|\n" + "|-" * 400 + "|\n" + filled("a\n"),
    "a short wide table": "|a" * 400 + "|\n" + "|-" * 400 + "|\n" + filled("a\n", 2_000),
    "headings": filled("# a\n"),
    "tasks": filled("- [ ] a\n"),
    "nested tasks": lines(lambda n: "  " * n + "- [x] a\n"),
    "footnotes": "".join(f"[^{n}]: a\n\n" for n in range(2_000)) + filled("[^1] [^2]"),
    "nested footnotes": filled("[^1]: "),
    "addresses": filled("https://a.b/c "),
    "one address": "https://a.b/" + filled(")."),
    "beginnings of addresses": filled("http://"),
    "addresses in parentheses": filled("https://a.b/" + ")" * 1_900 + " "),
    "underlines": filled("a\n=\n"),
    "rules": filled("---\n"),
    "formulas": filled("$x^2$ \\(y_{1}\\) "),
    "formulas that can't be converted": filled("\\(\\no x^2\\) "),
    "formulas in code": filled("`$x^2$` "),
    "beginnings of formulas": filled("$$ x\n"),
    "deep formulas": filled("$" + "{x^" * 200 + "x" + "}" * 200 + "$ "),
    "spaces": filled(" ") + "a",
}
hostile = pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)


@hostile
def test_any_text_is_rendered_in_little_time_and_others_go_on(source: str) -> None:
    with watched_turns() as turns:
        to_html(source)
    assert turns.longest < LONGEST_TURN
    assert turns.all < MOST_CPU


@pytest.mark.parametrize(
    "name", ["quotes", "growing lists", "elements", "a short wide table", "beginnings of addresses"]
)
def test_others_go_on_while_a_hostile_text_is_streamed(name: str) -> None:
    source = HOSTILE[name]
    streamed = StreamedMarkdown()

    with watched_turns() as turns:
        for at in range(0, len(source), 1_000):
            streamed.feed(source[at : at + 1_000])
        streamed.close()
    assert turns.longest < LONGEST_TURN


@pytest.mark.parametrize(
    "source",
    [">" * 500, "- " * 500, "1. " * 500, "> 1. " * 200, "*a _b " * 200 + "b_ a* " * 200],
    ids=lambda source: source[:6],
)
@pytest.mark.parametrize("size", [7, 1000])
def test_elements_are_nested_so_deep_and_no_deeper_and_keep_their_text(
    source: str, size: int
) -> None:
    source += "the end"
    whole = to_html(source)
    assert depth(whole) == DEEPEST
    assert "the end" in whole
    streamed = StreamedMarkdown()
    for at in range(0, len(source), size):
        streamed.feed(source[at : at + size])
        assert depth(streamed.opened) <= DEEPEST
    streamed.close()
    assert streamed.has_become(whole)

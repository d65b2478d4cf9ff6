"""Marking changes nothing of an answer's HTML but that the marks are there."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.agent.events import Done, from_text, to_text
from app.grounding.answer import ground, know
from app.grounding.figure import Figure
from app.grounding.results import read_results
from app.rendering.figures import CallLinks, with_marks
from app.rendering.links import direct
from app.rendering.markdown import to_html
from tests.app.grounding.test_bounds import TEXTS
from tests.app.rendering.test_markdown import PIECES

MARK = re.compile(
    r'<span class="unsourced" title="Not from the tools">|<span class="sr"> \(not from the tools\)'
    r'</span></span>|<a class="figure" href="#c-call_1"[^>]*>([^<]*)</a>'
)
HIDDEN = '<span class="sr"> (not from the tools)</span></span>'


def marked(source: str, result: object = None) -> str:
    figures = ground(source, know(read_results([("call_1", "find", result)]), []))
    return with_marks(source, 0, to_html(source), figures, direct, CallLinks({"call_1": "find"}))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"It costs \$3,400.", "$3,400"),
        ("**$3,400** it is", "$3,400"),
        ("- A: `P-3400`", "P-3400"),
        ("| a | b |\n|---|--:|\n| x | 3,400 |", "3,400"),
        ("[$3,400](https://a.example/3400)", "$3,400"),
        ("Größe: 3.400 m", "3.400"),
    ],
)
def test_a_figure_in_any_markup_is_marked(source: str, words: str) -> None:
    assert f'<span class="unsourced" title="Not from the tools">{words}{HIDDEN}' in marked(source)


@pytest.mark.parametrize(
    "source", ["```\n3400\n```", "    3400", "3400. First", "<https://a.example/3400>", "# 1. A"]
)
def test_code_addresses_and_numbers_of_lists_are_not_marked(source: str) -> None:
    assert marked(source) == to_html(source)


def test_a_link_has_no_link_within_it() -> None:
    html = marked("[P104](https://a.example) and P104", {"id": "P104"})
    assert html.count("<a ") == 2
    assert 'nofollow">P104</a>' in html


def test_places_that_are_not_those_of_the_text_mark_nothing() -> None:
    source = "a **b 3,400** c"
    across = [Figure("b", 2, 9, "none")]
    assert with_marks(source, 0, to_html(source), across, direct, CallLinks({})) == to_html(source)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXTS | PIECES.map("".join), max_size=3).map("".join))
def test_without_its_marks_the_html_is_that_of_the_text(source: str) -> None:
    html = marked(source, {"n": 12, "id": "L004"})
    assert MARK.sub(lambda match: match[1] or "", html) == to_html(source)


def test_figures_go_through_the_log_between_workers() -> None:
    done = Done("completed", "m1", figures=(Figure("$5", 1, 3, "tool", "call_1"),))
    assert from_text(to_text(done)) == done

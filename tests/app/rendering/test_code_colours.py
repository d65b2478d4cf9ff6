"""Code of finished answers in colours: the same text, in little time, in nothing but classes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rendering.code_colours import LEXERS, LONGEST_CODE, MOST_CODE, with_colours
from app.rendering.markdown import to_html

MOST_CPU = 0.4  # seconds for one block; the worst takes 0.15


def block(language: str, code: str) -> str:
    return to_html(f"~~~{language}\n{code}\n~~~\n")


def without_colours(html: str) -> str:
    return re.sub(r'<span class="k-[a-z]+">|</span>', "", html)


def test_code_gets_colours_and_keeps_its_text() -> None:
    html = block("python", "def f():  # <b>\n    return 'x' + 1")
    coloured = with_colours(html)
    assert '<span class="k-word">def</span> <span class="k-name">f</span>' in coloured
    assert '<span class="k-comment"># &lt;b&gt;</span>' in coloured
    assert without_colours(coloured) == html


@pytest.mark.parametrize("html", [block("cobol", "x = 1"), block("", "x = 1"), to_html("`x = 1`")])
def test_what_names_no_language_that_is_read_stays(html: str) -> None:
    assert with_colours(html) == html


def test_long_code_stays_and_so_does_what_is_beyond_the_bound_of_one_answer() -> None:
    long = block("json", "[" * LONGEST_CODE)
    assert with_colours(long) == long
    wide = block("json", " " * 80 + "1")
    assert with_colours(wide) == wide
    blocks = with_colours(block("json", '"a"' * 900) * 20)
    assert blocks.count("<pre>") == 20
    assert blocks.count('json"><span') == MOST_CODE // 2_701
    assert blocks.count('json">"a"') == 20 - MOST_CODE // 2_701


@given(st.sampled_from(sorted(LEXERS)), st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_code_keeps_its_text(language: str, code: str) -> None:
    html = block(language, code)
    assert without_colours(with_colours(html)) == html


PIECES = [
    "(",
    "[",
    "{",
    '"',
    "'",
    "\\",
    "a",
    "a ",
    "\n",
    "1",
    "$(",
    "${",
    "`",
    "/*",
    "<",
    "-",
    "a.",
    "a=",
    "#",
]


@pytest.mark.parametrize("language", sorted(set(LEXERS.values())))
def test_hostile_code_takes_little_time(language: str) -> None:
    for piece in PIECES:
        html = block(language, piece * ((LONGEST_CODE - 10) // len(piece)))
        started = time.process_time()
        with_colours(html)
        assert time.process_time() - started < MOST_CPU, piece

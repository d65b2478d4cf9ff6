"""The catalogue: every text of pages is in it, and each language has a translation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from jinja2 import Environment

from scripts import ROOT
from scripts.translations import TRANSLATED, extract, read, untranslated

TEMPLATES = sorted((ROOT / "app" / "templates").rglob("*.html"))
MARKS = re.compile(r"%\(\w+\)s|\{\}|<[^>]*>")
"""What a translation has as its text has it: places for values, and tags."""
WORDS = re.compile(r"[^\W\d_]{2}")
SENTENCE = re.compile(r"[A-Z][a-z]+( |$)|\w+ \w+")
CLASSES = re.compile(r"{% block body_class %}.*?{% endblock %}")
SHOWN = {"aria-label", "title", "placeholder", "alt"}
IN_ANY_LANGUAGE = {"app", "Enter", "Shift", "Esc"}
"""The name of the program in the list of services, and those of keys."""


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_has_a_translation_that_fits(language: str) -> None:
    catalogue = read(language)
    texts = {(text.id, text.context) for text in extract() if text.id}
    has = {(text.id, text.context) for text in catalogue if text.id}
    assert texts - has == set(), "run `make translations`, then translate"
    assert has - texts == set(), "run `make translations`, which drops them"
    assert untranslated(catalogue) == []
    for text in catalogue:
        if not text.id:
            continue
        assert not text.fuzzy
        ids = (text.id,) if isinstance(text.id, str) else text.id
        strings = (text.string,) if isinstance(text.string, str) else text.string
        for string in strings or ():
            assert sorted(MARKS.findall(string)) == sorted(MARKS.findall(ids[-1])), text.id


def test_no_template_has_a_text_outside_the_catalogue() -> None:
    found = {path.name: texts for path in TEMPLATES if (texts := _texts_outside(path.read_text()))}
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "<p>Some words</p>",
        "<p>{% trans %}Some{% endtrans %} words</p>",
        '<p title="Some words"></p>',
        '{{ "Some words" if a else _("Others") }}',
        '{{ field("name", "Name") }}',
        "{{ _(message) }}",
    ],
)
def test_a_text_outside_the_catalogue_is_found(source: str) -> None:
    assert _texts_outside(source)


def _texts_outside(source: str) -> list[str]:
    html, strings = _outside(CLASSES.sub("", source))
    found = _Texts()
    found.feed(html)
    texts = [text for text in found.texts if WORDS.search(text)]
    texts += [string for string in strings if SENTENCE.match(string)]
    return [text for text in texts if text not in IN_ANY_LANGUAGE]


def _outside(source: str) -> tuple[str, list[str]]:
    """Return the HTML of a template without what is translated, and the other strings of its
    expressions."""
    html, strings, tokens = [], [], list(_tokens(source))
    within = False
    for at, (kind, value) in enumerate(tokens):
        before = [each for _, each in tokens[max(at - 2, 0) : at]]
        if kind == "name" and before[-1:] == ["{%"] and value in ("trans", "endtrans"):
            within = value == "trans"
        elif kind == "data" and not within:
            html.append(value)
        elif kind == "string" and not within and not _is_translated(tokens, at):
            strings.append(value[1:-1])
        elif kind == "name" and before == ["_", "("] and not within:
            strings.append(f"Not a text: {value}")  # it would be shown unescaped
        elif kind == "variable_begin":
            html.append("\x00")
    return "".join(html), strings


def _is_translated(tokens: list[tuple[str, str]], at: int) -> bool:
    before = [value for _, value in tokens[max(at - 4, 0) : at]]
    return before[-2:] == ["_", "("] or before[-4:-3] + before[-1:] == ["pgettext", ","]


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    for _, kind, value in Environment().lex(source):  # noqa: S701 (renders nothing)
        if kind != "whitespace":
            yield kind, value.strip() if kind.endswith(("begin", "end")) else value


class _Texts(HTMLParser):
    """The texts that a page shows, and those of attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in ("code", "script")
        self.texts += [value or "" for name, value in attrs if name in SHOWN]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "script")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.texts += [part.strip() for part in data.split("\x00")]

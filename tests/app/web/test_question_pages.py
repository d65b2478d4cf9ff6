"""How the page shows questions: code, long ones, and the list of shortcuts."""

from __future__ import annotations

import pytest

from tests.app.web.test_conversations import Strict, begin, finished
from tests.support.product import Person

pytestmark = pytest.mark.shares_product


def test_code_in_a_question_is_code_and_nothing_in_it_acts(alice: Person) -> None:
    question = 'See **this**:\n```html\n<b onclick="x()">&amp;</b>\n```\n<i>now</i>'
    page = finished(alice, begin(alice, question))
    Strict(page)
    assert "<pre><code>&lt;b onclick=&#34;x()&#34;&gt;&amp;amp;&lt;/b&gt;</code></pre>" in page
    assert '<p dir="auto">See **this**:</p>' in page
    assert '<p dir="auto">&lt;i&gt;now&lt;/i&gt;</p>' in page
    assert 'data-text="See **this**:\n```html' in page


def test_a_long_question_is_whole_in_the_page_and_can_be_folded(alice: Person) -> None:
    path = begin(alice, "\n".join(f"line {number}" for number in range(40)))
    page = finished(alice, path)
    Strict(page)
    assert page.count("<summary>Show all</summary>") == 1
    assert all(f"line {number}" in page for number in range(40))
    assert "Show all" not in finished(alice, begin(alice, "short"))


def test_the_shortcuts_are_a_page_and_a_fragment(alice: Person) -> None:
    page = alice.get("/shortcuts").text
    Strict(page)
    assert "<kbd>Esc</kbd>" in page
    assert 'href="/shortcuts"' in alice.get("/").text
    assert 'href="/shortcuts"' in alice.get("/auth/security").text
    fragment = alice.get("/shortcuts", headers={"HX-Request": "true"}).text
    Strict(fragment)
    assert "<html" not in fragment
    assert '<form method="dialog">' in fragment

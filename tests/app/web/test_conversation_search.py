"""Search: one's own conversations by words in titles and messages, whatever is typed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text, update

from app.conversations.search import PAGE_LENGTH, parse_query, search
from app.conversations.search_index import (
    _BY_WORDS,
    _ON_SQLITE,
    _WALK,
    Term,
    fts5_query,
    tsquery,
)
from app.conversations.snippets import mark, snippet
from app.db.models import Conversation, Message, Run, db
from tests.app.web.test_conversations import Strict, begin, finished
from tests.support.product import Person
from tests.support.scripted_model import ScriptedModel, cut_after

pytestmark = pytest.mark.shares_product


def have(person: Person, title: str, *messages: str, **values: object) -> str:
    """The id of a new conversation of the person's, with questions and answers in turns."""
    with person.product.app.app_context():
        made = Conversation(user_id=person.id, title=title, **values)
        db.session.add(made)
        db.session.flush()
        for position, content in enumerate(messages, 1):
            role = "user" if position % 2 else "assistant"
            place = {"conversation_id": made.id, "position": position}
            message = Message(role=role, content=content, **place)
            db.session.add(message)
            db.session.flush()
            if role == "assistant":
                run = Run(status="completed", user_id=person.id, answer_id=message.id)
                run.conversation_id = made.id
                db.session.add(run)
        db.session.commit()
        return made.id


def found(person: Person, words: str, **query: str) -> list[dict[str, Any]]:
    answer = person.api("GET", "/conversations", params={"q": words} | query)
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["found"]
    return result


def titles(person: Person, words: str) -> list[str]:
    return [each["title"] for each in found(person, words)]


@pytest.mark.engines
def test_words_are_found_by_their_beginning_in_any_order_case_and_accents(alice: Person) -> None:
    have(
        alice, "A", "Gibt es Häuser am Fluß in MÜNCHEN?", "Ja: drei *Häuser*, e-mail an_bob@x.org."
    )
    for words in (
        "haus",
        "Häu",
        "HAUSER munch",
        "munchen hauser",
        "bob",
        "x.org",
        "e-mail",
        '"am flu',
    ):
        assert titles(alice, words) == ["A"], words
    for words in ("user", '"häu"', "haus garten", '"fluß am"', "ünchen", '"hauser fluß"'):
        assert titles(alice, words) == [], words


@pytest.mark.engines
def test_titles_come_first_then_the_latest_messages(alice: Person) -> None:
    have(alice, "A garden", "Nothing of it")
    have(alice, "B", "The garden", "A gardener")
    have(alice, "C", "x", "Gardens?")
    assert titles(alice, "garden") == ["A garden", "C", "B"]
    [_, newest, other] = found(alice, "garden")
    assert newest["position"] == 2
    assert other["position"] == 2
    assert other["snippet"] == [{"text": "A ", "match": False}, {"text": "gardener", "match": True}]


@pytest.mark.engines
def test_the_page_marks_the_words_and_leads_to_the_message(alice: Person) -> None:
    messages = [*["x"] * 60, '<b>Garden</b> "q"', "y"]
    path = f"/conversations/{have(alice, 'B <i>', *messages)}"
    page = alice.get("/conversations", params={"q": "garden <script>"}).text
    assert "<script>" not in page.rpartition("<main")[2]
    page = alice.get("/conversations", params={"q": "garden"}).text
    Strict(page)
    assert "&lt;b&gt;<mark><b>Garden</b></mark>" in page
    [link] = re.findall(rf'href="({path}\?before=\d+)"', page)
    assert "&lt;b&gt;Garden" in alice.get(link).text
    fragment = alice.get("/conversations", params={"q": "zzz"}, headers={"HX-Request": "true"}).text
    assert "No conversation has these words." in fragment
    assert "<html" not in fragment


@pytest.mark.engines
def test_nothing_is_found_that_is_anothers_deleted_temporary_or_unfinished(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    have(mallory, "The treasure", "The treasure")
    for shelf in ("trash", "temporary"):
        have(alice, "The treasure", "The treasure", shelf=shelf)
    model.script(replace(cut_after("The ", "treasure"), held="go"))
    path = begin(alice, "Where?")
    assert titles(alice, "treasure") == []  # it is being written
    model.let_go.add("go")
    finished(alice, path)
    assert titles(alice, "treasure") == ["Where?"]
    have(alice, "The archived treasure", shelf="archive")
    assert titles(alice, "treasure") == ["The archived treasure", "Where?"]


@pytest.mark.engines
def test_a_text_that_names_somebody_as_its_owner_is_not_theirs(
    alice: Person, mallory: Person
) -> None:
    named = f"\ue000{mallory.id} treasure"
    have(alice, named, f"The treasure {named}", f"Is here: {named}")
    assert titles(mallory, "treasure") == []
    assert titles(alice, "treasure") == [named]


@pytest.mark.engines
def test_the_index_follows_every_change(alice: Person) -> None:
    conversation_id = have(alice, "Old name", "First words")
    alice.post(f"/conversations/{conversation_id}", title="New name")
    assert (titles(alice, "old"), titles(alice, "new")) == ([], ["New name"])
    with alice.product.app.app_context():
        of_it = update(Message).where(Message.conversation_id == conversation_id)
        for content, expected in (("Second", ["New name"]), ("", []), ("Second", ["New name"])):
            db.session.execute(of_it.values(content=content))
            db.session.commit()
            assert titles(alice, "first") == []
            assert titles(alice, "second") == expected
        db.session.execute(of_it.values(content="x" * 300_000 + " tail"))
        db.session.commit()
    alice.api("DELETE", f"/conversations/{conversation_id}?forGood=true")
    with alice.product.app.app_context():
        left = "SELECT count(*) FROM search_texts WHERE conversation_id = :id"
        assert db.session.execute(text(left), {"id": conversation_id}).scalar() == 0
        if db.engine.dialect.name == "sqlite":
            orphans = (
                "SELECT count(*) FROM search_words WHERE rowid NOT IN (SELECT id FROM search_texts)"
            )
            assert db.session.execute(text(orphans)).scalar() == 0
            assert db.session.execute(text(orphans.replace("words", "titles"))).scalar() == 0


@pytest.mark.engines
def test_every_find_comes_once_over_all_pages(alice: Person) -> None:
    count = 2 * PAGE_LENGTH + 3
    for number in range(count):
        have(alice, f"Number {number}", *["The brook"] * (150 if number == 30 else 2))
    pages, after = [], None
    while after != "":
        query = {"q": "brook"} | ({"after": after} if after else {})
        page = alice.api("GET", "/conversations", params=query).json()
        pages.append([each["title"] for each in page["found"]])
        after = page["after"]
    assert [len(page) for page in pages] == [PAGE_LENGTH, PAGE_LENGTH, 3]
    assert [title for page in pages for title in page] == [
        f"Number {number}" for number in reversed(range(count))
    ]
    page = alice.get("/conversations", params={"q": "brook"}).text
    [older] = re.findall(r'class="older"><a href="([^"]*q=brook[^"]*)"', page)
    assert "Number 22" in alice.get(older.replace("&amp;", "&")).text


ODD = [
    *('"', '""', '"""', "'", "\\", "*", "a*", "^a", "a:b", "title:x", "owner : x", "NEAR(a b, 2)"),
    *("AND", "a AND", "OR", "NOT a", "(", ")", "a)", "-a", "+", "{a}", "a & b", "!a", "a | b"),
    *("<->", "a:*", "%", "_", "__", ";", "--", "/* */", "1e5", "3.5", "²", "ﬁ", "İ", "👋", "漢字"),
    *("\u202e", "\x7f", "a" * 3_000, "a " * 1_500, '"a ' * 900, "é" * 500, " \t\n", "\u0301"),
]


@pytest.mark.engines
def test_whatever_is_typed_is_answered(alice: Person) -> None:
    have(alice, "A B", "a b and or not near 1e5 3.5")
    for words in ODD:
        answer = alice.api("GET", "/conversations", params={"q": words})
        assert answer.status_code == 200, (words[:20], answer.text)
    with alice.product.app.app_context():
        # A server takes no address that is so long.
        for words in ("a" * 10_000, "a " * 5_000, '"a ' * 3_000):
            search(alice.id, words)
    assert titles(alice, "1e5 3.5") == ["A B"]
    assert titles(alice, "NOT near") == ["A B"]
    assert alice.api("GET", "/conversations?q=a%00b").status_code == 400
    for after in ("x", "", "-1", "9" * 19, "²"):
        answer = alice.api("GET", "/conversations", params={"q": "a", "after": after})
        assert answer.status_code == 422, after


@pytest.mark.engines
def test_a_search_reads_the_index_and_never_the_messages_of_others(alice: Person) -> None:
    have(alice, "A", "The brook")
    with alice.product.app.app_context():
        if db.engine.dialect.name == "sqlite":
            values = {
                "words": fts5_query([Term(("brook",), True)], alice.id),
                "user": alice.id,
                "before": 9,
                "known": [],
            }
            query = f"EXPLAIN QUERY PLAN {_ON_SQLITE.text}".replace(":known", "('')")
            plan = [str(row) for row in db.session.execute(text(query), values | {"limit": 9})]
            assert "VIRTUAL TABLE INDEX" in plan[0]
            assert not any("TEMP B-TREE" in line or "SCAN s" in line for line in plan)
        else:
            db.session.execute(text("SET LOCAL enable_seqscan = off"))
            values = {"user": alice.id, "words": tsquery([Term(("brook",), True)]), "before": 9}
            values |= {"rows": 9, "index_words": "'brook':*", "since": 0, "limit": 9}
            for statement in (_WALK, _BY_WORDS):
                query = f"EXPLAIN {statement.text}".replace(":known", "('')")
                lines = "".join(map(str, db.session.execute(text(query), values)))
                assert re.search("(using|on) ix_search_texts_(words|newest)", lines), lines
                assert "Seq Scan on search_texts" not in lines


def test_what_is_typed_becomes_words_and_phrases() -> None:
    assert parse_query('red "Old  Bridge" a-frame') == [
        (("red",), True),
        (("old", "bridge"), False),
        (("a",), False),
        (("frame",), True),
    ]
    assert len(parse_query("word " * 2_000)) == 12


def test_a_snippet_is_short_and_around_the_words() -> None:
    long = "start " * 100 + "the **Straße** and\nmore `x` " + "end " * 100
    pieces = snippet(long, [("straße",)])
    line = "".join(piece.text for piece in pieces)
    assert [piece.text for piece in pieces if piece.is_match] == ["Straße"]
    assert len(line) < 240
    assert (line[:2], line[-2:], "*" in line, "\n" in line) == ("… ", " …", False, False)
    assert mark("a ab b", [("a",), ("b",)])[0].is_match
    assert [piece.text for piece in mark("One,\ntwo", [("one", "two")])] == ["One,\ntwo"]

"""The search index: all that is found among more messages than are read at once."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random as Dice

import pytest
from sqlalchemy import insert

from app.conversations.search import PAGE_LENGTH, parse_query, search
from app.conversations.search_index import _index_words, _likely_end
from app.db.models import Conversation, Message, db, new_id
from tests.support.product import Person

pytestmark = pytest.mark.shares_product

EACH = 10  # messages of a conversation
CONVERSATIONS = 450
WORDS = {"everywhere": 1.0, "half": 0.5, "eighth": 0.125, "hundredth": 0.01}


def contents(dice: Dice, conversation: int) -> list[str]:
    """The messages of a conversation, the older of which have some words of their own."""
    texts = []
    for _ in range(EACH):
        words = [word for word, share in WORDS.items() if dice.random() < share]
        words += ["bridge", "old"] * (dice.random() < 0.2) + ["old bridge"] * (dice.random() < 0.02)
        words += ["early"] * (conversation < CONVERSATIONS // 3)
        words += ["first"] * (conversation in (0, 7, 100))
        texts.append(" ".join(words))
    return texts


def fill(person: Person) -> list[list[str]]:
    """Give the person the conversations, the oldest first. Return what is in them."""
    dice = Dice(1)  # noqa: S311 # nosec B311
    everything = [contents(dice, number) for number in range(CONVERSATIONS)]
    with person.product.app.app_context():
        for number, texts in enumerate(everything):
            id = new_id()
            made = {"id": id, "user_id": person.id, "title": f"Number {number}"}
            db.session.execute(insert(Conversation).values(**made))
            db.session.execute(
                insert(Message),
                [
                    {
                        "conversation_id": id,
                        "position": position,
                        "role": "user" if position % 2 else "assistant",
                        "content": content,
                    }
                    for position, content in enumerate(texts, 1)
                ],
            )
        db.session.commit()
    return everything


def expected(everything: list[list[str]], needles: Sequence[str]) -> list[tuple[str, int]]:
    """The title of each conversation and the last position there, by looking at every message."""
    found = []
    for number, texts in reversed(list(enumerate(everything))):
        there = [
            position
            for position, content in enumerate(texts, 1)
            if all(f" {needle}" in f" {content}" for needle in needles)
        ]
        found += [(f"Number {number}", there[-1])] if there else []
    return found


def all_pages(person: Person, typed: str) -> list[list[tuple[str, int]]]:
    pages, after = [], None
    while after != "":
        page = search(person.id, typed, after)
        pages.append(
            [
                (each.conversation.title, each.message.position)
                for each in page.found
                if each.message
            ]
        )
        after = page.older
    return pages


SEARCHES = {
    "everywhere": ["everywhere"],
    "half eighth": ["half", "eighth"],
    "hundredth": ["hundredth"],
    "ever hundredth": ["everywhere", "hundredth"],
    '"old bridge"': ["old bridge"],
    '"bridge old" half': ["bridge old", "half"],
    "early": ["early"],
    "everywhere first": ["everywhere", "first"],
    "early hundredth eighth": ["early", "hundredth", "eighth"],
    "everywhere nothing": ["nothing"],
}


@pytest.mark.engines
def test_all_pages_have_what_looking_at_every_message_finds(alice: Person, mallory: Person) -> None:
    everything = fill(alice)
    with alice.product.app.app_context():
        for typed, needles in SEARCHES.items():
            pages = all_pages(alice, typed)
            wanted = expected(everything, needles)
            assert [hit for page in pages for hit in page] == wanted, typed
            assert all(len(page) == PAGE_LENGTH for page in pages[:-1]), typed
            assert all_pages(mallory, typed) == [[]]
        if db.engine.dialect.name == "postgresql":
            asks_the_index_for_rare_words_alone(alice)


def asks_the_index_for_rare_words_alone(alice: Person) -> None:
    for typed, asked in {
        "everywhere": "'everywhere':*",
        "everywhere first": "'first':*",
        'half "old bridge"': "'old' & 'bridge'",
        "everywhere half": "'half':*",
    }.items():
        words = _index_words(alice.id, parse_query(typed), 2**62)
        assert words.replace("(", "").replace(")", "") == asked


def test_as_many_rows_are_read_as_are_likely_to_fill_the_page() -> None:
    assert _likely_end(newest=100_000, last=98_000, found=0, wanted=21) == 0
    assert _likely_end(newest=100_000, last=98_000, found=14, wanted=21) == 96_000
    assert _likely_end(newest=100_000, last=98_000, found=7, wanted=21) == 90_000
    assert _likely_end(newest=100_000, last=98_000, found=1, wanted=21) == 0
    assert _likely_end(newest=3_000, last=1_000, found=20, wanted=21) == 0

"""Titles that the model writes: once, after the first answer, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.config import Settings
from app.conversations.titles import read_model_title
from app.db.models import Conversation, Run, db
from tests.support.product import Person, Product, eventually
from tests.support.scripted_model import (
    ScriptedModel,
    error,
    stall_before_first,
    text,
)

pytestmark = pytest.mark.shares_product


@pytest.fixture(scope="module")
def product_settings() -> dict[str, object]:
    return {"model_titles": True}


def ask(person: Person, question: str = "Which notes are there?") -> dict[str, Any]:
    """Ask the first question of a conversation; the `run` event."""
    stream = person.ask(question)
    run: dict[str, Any] = stream.until("done")[0].json
    return run


def title(person: Person, run: dict[str, Any]) -> str:
    path = f"/conversations/{run['conversationId']}"
    return str(person.api("GET", path).json()["title"])


def become_idle(product: Product) -> None:
    """Wait until no title is being written."""
    titles = product.services.titles
    assert titles is not None
    eventually(lambda: not product.services.producer.active and not len(titles._pool))


@pytest.mark.engines
def test_the_model_names_a_conversation_after_its_first_answer(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Three of them."), text('Title: "**Notes** at hand."\n\nMore'), text("x"))
    run = ask(alice)
    eventually(lambda: title(alice, run) == "Notes at hand")
    become_idle(alice.product)
    path = f"/conversations/{run['conversationId']}"
    fragment = alice.get(f"{path}/title").text
    assert ">Notes at hand</h1>" in fragment
    assert "<title>Notes at hand ·" in fragment
    asked = model.requests[1].body
    assert "tools" not in asked
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert "Which notes are there?" in asked["messages"][1]["content"]
    assert "Three of them." in asked["messages"][1]["content"]
    with alice.product.app.app_context():
        usage = db.session.get_one(Run, run["runId"]).usage
        first = db.session.get_one(Conversation, run["conversationId"])
        assert (usage or {})["total_tokens"] > 0
        assert first.titled_by == "model"
    one = [request for request in model.requests if "Three of them." in str(request.body)]
    alice.ask("And now?", run["conversationId"]).until("done")
    become_idle(alice.product)
    assert len(model.requests) == 3, "the second answer asked for a title"
    assert len(one) == 1


def test_what_the_title_cost_is_counted_with_the_answer(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Three."), text("Notes"))
    stream = alice.ask("Which notes?").until("done")
    run, told = stream[0].json, stream[-1].json["usage"]
    eventually(lambda: title(alice, run) == "Notes")
    become_idle(alice.product)
    with alice.product.app.app_context():
        usage = db.session.get_one(Run, run["runId"]).usage or {}
    assert usage["total_tokens"] == 2 * told["total_tokens"]


def test_nobody_waits_for_a_title_and_the_persons_own_one_stays(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Three."), stall_before_first(60))
    run = ask(alice)
    eventually(lambda: len(model.requests) == 2)
    path = f"/conversations/{run['conversationId']}"
    assert f'hx-get="{path}/title"' in alice.get(path).text
    assert alice.api("PATCH", path, json={"title": "Mine"}).status_code == 200
    model.reset()
    become_idle(alice.product)
    assert title(alice, run) == "Mine"


def test_a_title_that_comes_late_doesnt_replace_the_persons_own(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Three."), text("Notes ", *["x "] * 50, pace=0.01))
    run = ask(alice)
    eventually(lambda: len(model.requests) == 2)
    alice.api("PATCH", f"/conversations/{run['conversationId']}", json={"title": "Mine"})
    become_idle(alice.product)
    assert title(alice, run) == "Mine"


@pytest.mark.parametrize(
    "reply", [error(500, "broken"), text(""), text(" **\n` "), text("Half", finish_reason="length")]
)
def test_a_request_that_fails_leaves_the_title_and_is_not_made_again(
    alice: Person, model: ScriptedModel, reply: Any
) -> None:
    model.script(text("Three."), reply)
    run = ask(alice)
    eventually(lambda: len(model.requests) == 2)
    become_idle(alice.product)
    assert title(alice, run) == "Which notes are there?"
    assert len(model.requests) == 2


def test_an_answer_that_failed_gives_no_title(alice: Person, model: ScriptedModel) -> None:
    model.script(error(400, "no"))
    ask(alice)
    become_idle(alice.product)
    assert len(model.requests) == 1


def test_a_deleted_conversation_gets_no_title(alice: Person, model: ScriptedModel) -> None:
    model.script(text("Three."), text("Notes ", *["x "] * 50, pace=0.01))
    run = ask(alice)
    eventually(lambda: len(model.requests) == 2)
    path = f"/conversations/{run['conversationId']}"
    assert alice.api("DELETE", f"{path}?forGood=true").status_code == 204
    become_idle(alice.product)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Notes", "Notes"),
        ("\n\n## Notes at hand.\nBecause", "Notes at hand"),
        ("Titel: „Die Notizen“", "Die Notizen"),
        ("<b>Notes</b>", "<b>Notes</b>"),
        ("\u202eNotes\u200b\0", "Notes"),
        ("word " * 100, "word word word word word word word word word word word…"),
        ('""', ""),
        ("", ""),
    ],
)
def test_what_a_model_says_becomes_one_short_line(reply: str, expected: str) -> None:
    assert read_model_title(reply) == expected


def test_the_demo_model_is_not_asked_unless_the_setting_says_so(
    start: Callable[..., Product],
) -> None:
    real: Settings = start().settings
    unset = {"model_titles": None}
    assert real.model_copy(update=unset).writes_titles
    demo = unset | {"openai_base_url": ""}
    assert not real.model_copy(update=demo).writes_titles
    assert real.model_copy(update=demo | {"model_titles": True}).writes_titles

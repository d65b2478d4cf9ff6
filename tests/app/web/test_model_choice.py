"""Which model answers, where several are set: chosen beside the question, kept by conversation."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db.models import Conversation, Run, db
from tests.app.web.test_conversations import Strict, begin, finished
from tests.app.web.test_queued_questions import at_rest, live, queue
from tests.support.product import Person, Product, eventually
from tests.support.scripted_model import ScriptedModel, error, text

pytestmark = pytest.mark.shares_product


@pytest.fixture(scope="module")
def product_settings() -> dict[str, object]:
    return {"models": "large, small"}


def chosen(page: str) -> str:
    """The model that the page's select has."""
    [name] = re.findall(r"<option selected>(\w+)</option>", page)
    return str(name)


def asked(model: ScriptedModel) -> list[str]:
    return [request.body["model"] for request in model.requests]


def ask(alice: Person, conversation: str | None = None, **more: Any) -> Any:
    body = {"userMessage": "Hello", "conversationId": conversation} | more
    return alice.api("POST", "/agents/chat", json=body)


@pytest.mark.engines
def test_a_conversation_keeps_the_model_that_was_chosen_for_it(
    alice: Person, model: ScriptedModel
) -> None:
    start = alice.get("/").text
    Strict(start)
    assert re.findall(r"<option[^>]*>(\w+)</option>", start) == ["scripted", "large", "small"]
    assert chosen(start) == "scripted"
    led = alice.post("/conversations", message="First", model="small")
    path = led.headers["Location"].removesuffix("/live")
    assert chosen(finished(alice, path)) == "small"
    alice.post(f"{path}/messages", message="Second")
    finished(alice, path)
    alice.post(f"{path}/messages", message="Third", model="large")
    assert chosen(finished(alice, path)) == "large"
    assert asked(model)[-3:] == ["small", "small", "large"]
    assert chosen(alice.get("/").text) == "scripted"
    assert alice.api("GET", path).json()["model"] == "large"


@pytest.mark.engines
def test_a_program_chooses_by_name_and_only_names_of_the_setting_are_taken(
    alice: Person, model: ScriptedModel
) -> None:
    conversation = ask(alice, model="large").json()["conversationId"]
    ask(alice, conversation)
    ask(alice, conversation, model="scripted")
    assert asked(model) == ["large", "large", "scripted"]
    for name in ("gpt-secret", 5, ["large"], {"a": 1}, "LARGE", "large "):
        refused = ask(alice, conversation, model=name)
        assert refused.status_code == 422
        assert "scripted, large, small" in refused.json()["error"]["message"]
    page = alice.post(f"/conversations/{conversation}/messages", message="x", model="other")
    assert (page.status_code, ">x</textarea>" in page.text) == (422, True)
    assert len(model.requests) == 3


def test_the_run_keeps_it_and_a_retry_asks_it_again(alice: Person, model: ScriptedModel) -> None:
    model.script(error(400, "no"), text("Fine"))
    failed = ask(alice, model="small").json()
    retried = alice.api("POST", f"/runs/{failed['runId']}/retry").json()
    alice.resume(retried["runId"]).all()
    assert asked(model) == ["small", "small"]
    with alice.product.app.app_context():
        assert db.session.get_one(Run, retried["runId"]).model == "small"


def test_an_edited_question_is_asked_of_the_conversations_model(
    alice: Person, model: ScriptedModel
) -> None:
    path = alice.post("/conversations", message="First", model="small").headers["Location"]
    path = path.removesuffix("/live")
    page = finished(alice, path)
    edit = re.search(r"/messages/\w+/edit", page)
    assert edit is not None
    alice.post(edit[0], message="Better")
    finished(alice, path)
    assert asked(model) == ["small", "small"]


def test_a_queued_question_is_asked_of_the_model_that_was_chosen_with_it(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    queue(alice, conversation, "Second", model="large")
    model.let_go.add("go")
    at_rest(alice, conversation, 2)
    assert asked(model) == ["scripted", "large"]
    assert chosen(alice.get(f"/conversations/{conversation}").text) == "large"


def test_a_model_that_is_offered_no_more_gives_way_to_the_default(
    alice: Person, model: ScriptedModel
) -> None:
    conversation = ask(alice, model="small").json()["conversationId"]
    with alice.product.app.app_context():
        gone = update(Conversation).where(Conversation.id == conversation)
        db.session.execute(gone.values(model="gone"))
        db.session.commit()
    assert ask(alice, conversation).status_code == 200
    assert asked(model)[-1] == "scripted"


@pytest.mark.own_product
def test_with_one_model_there_is_nothing_to_choose(start: Any, model: ScriptedModel) -> None:
    product: Product = start(models="scripted")
    alice = product.sign_up("Alice")
    page = finished(alice, begin(alice))
    assert "<select" not in page
    assert eventually(lambda: asked(model)) == ["scripted"]
    with product.app.app_context():
        assert db.session.scalars(select(Run.model)).all() == [None]
    assert ask(alice, model="scripted").status_code == 200
    assert ask(alice, model="large").status_code == 422

"""Temporary conversations: nowhere but at their own address, and gone for good."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.conversations.changes import TEMPORARY_FOR, delete_due_conversations
from app.db.models import Conversation, db, utc_now
from tests.app.web.test_conversation_changes import rows_of, titles
from tests.app.web.test_conversation_search import found
from tests.app.web.test_conversations import Strict, finished
from tests.support.product import Person
from tests.support.scripted_model import ScriptedModel, endless, text

pytestmark = pytest.mark.shares_product


def begin(person: Person, question: str = "The secret?") -> str:
    led = person.post("/conversations", message=question, temporary="true")
    return str(led.headers["Location"].removesuffix("/live"))


@pytest.mark.engines
def test_it_is_in_no_list_and_not_found_and_says_until_when_it_is_kept(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("A secret answer."))
    start = alice.get("/?temporary=true").text
    Strict(start)
    assert start.count('name="temporary" value="true"') == 2
    path = begin(alice)
    page = finished(alice, path)
    Strict(page)
    assert "A secret answer." in page
    until = utc_now() + TEMPORARY_FOR
    assert f"Deleted for good on {until:%-d %B %Y}" in page
    for shelf in ("list", "archive", "trash"):
        assert titles(alice, shelf) == []
    assert found(alice, "secret") == []
    assert "The secret?" not in alice.get("/").text
    assert alice.api("GET", "/agents/chat-history").json() == {"messages": []}
    # All that there is of a person is in their download, as long as it is there.
    [kept] = alice.get("/auth/download").json()["conversations"]
    assert (kept["shelf"], kept["deleteAt"][:10]) == ("temporary", f"{until:%Y-%m-%d}")


@pytest.mark.engines
def test_it_is_over_at_once_when_its_person_ends_it(alice: Person, model: ScriptedModel) -> None:
    model.script(endless(pace=0.01))
    stream = alice.ask("x")
    stream.close()
    body = {"userMessage": "On and on", "temporary": True}
    live = alice.api("POST", "/agents/chat-stream", json=body, stream=True)
    [path] = [f"/conversations/{_only_temporary(alice)}"]
    led = alice.post(f"{path}/delete-for-good")
    assert led.headers["Location"] == "/"
    assert b"event: done" in live.content
    assert rows_of(alice.product, path.rpartition("/")[2]) == 0


def _only_temporary(person: Person) -> str:
    with person.product.app.app_context():
        mine = Conversation.query.filter_by(user_id=person.id, shelf="temporary")
        return str(mine.one().id)


@pytest.mark.engines
def test_it_is_gone_after_a_day_and_kept_if_its_person_says_so(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("One"))
    paths = [begin(alice, "Old"), begin(alice, "Kept")]
    for path in paths:
        finished(alice, path)
    old, kept = (path.rpartition("/")[2] for path in paths)
    alice.post(paths[1], shelf="list")
    with alice.product.app.app_context():
        past = {"delete_at": utc_now() - timedelta(seconds=1)}
        due = update(Conversation).where(Conversation.id == old)
        db.session.execute(due.values(**past))
        db.session.commit()
    for method in ("GET", "PATCH", "DELETE"):
        assert alice.api(method, paths[0], json={"title": "x"}).status_code == 404
    with alice.product.app.app_context():
        delete_due_conversations()
    assert (rows_of(alice.product, old), rows_of(alice.product, kept)) == (0, 4)
    assert titles(alice) == ["Kept"]


def test_in_the_trash_it_is_kept_no_longer(alice: Person, model: ScriptedModel) -> None:
    model.script(text("The attic"))
    path = begin(alice)
    due = alice.api("GET", path).json()["deleteAt"]
    assert alice.api("DELETE", path).json()["deleteAt"] == due


@pytest.mark.parametrize("temporary", ["true", 1, None, [], {}])
def test_what_is_neither_true_nor_false_is_refused(alice: Person, temporary: object) -> None:
    body = {"userMessage": "x", "temporary": temporary}
    assert alice.api("POST", "/agents/chat", json=body).status_code == 422

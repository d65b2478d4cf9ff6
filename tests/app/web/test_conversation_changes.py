"""What a person does with a conversation: rename, pin, archive, delete and restore it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import func, select, update

from app.conversations.changes import KEPT_IN_TRASH, delete_due_conversations
from app.db.models import Conversation, Message, Run, ToolCall, db, utc_now
from tests.app.web.test_conversation_lists import have
from tests.app.web.test_conversations import Strict, begin, finished, run_of
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, endless, text, tool_call

pytestmark = pytest.mark.shares_product


def one(person: Person, **values: object) -> str:
    """The path of a new conversation of the person's."""
    return f"/conversations/{have(person, [utc_now()], **values)[0]}"


def titles(person: Person, shelf: str = "list") -> list[str]:
    listed = person.api("GET", f"/conversations?shelf={shelf}").json()["conversations"]
    return [each["title"] for each in listed]


def change(person: Person, path: str, **values: Any) -> Any:
    return person.api("PATCH", path, json=values)


# Titles


@pytest.mark.engines
def test_a_person_renames_a_conversation_by_a_plain_form(alice: Person) -> None:
    path = one(alice)
    led = alice.post(path, title="  The <b>new</b>\n name ")
    assert (led.status_code, led.headers["Location"]) == (303, path)
    for page in (path, "/", "/conversations"):
        assert "The &lt;b&gt;new&lt;/b&gt; name" in alice.get(page).text
        Strict(alice.get(page).text)
    assert titles(alice) == ["The <b>new</b> name"]


def test_htmx_gets_the_header_the_list_and_the_windows_title(alice: Person) -> None:
    path = one(alice)
    fragment = alice.post(path, htmx=True, title="New").text
    Strict(fragment)
    assert "<title>New ·" in fragment
    assert '<div id="side-list" hx-swap-oob="innerHTML">' in fragment
    assert 'aria-current="page">New</a>' in fragment


@pytest.mark.parametrize(
    ("title", "reason"),
    [("", "Type a title"), (" \n\u200b\x07", "Type a title"), ("x" * 81, "81 characters")],
)
def test_a_title_that_cannot_be_is_refused_with_a_sentence(
    alice: Person, title: str, reason: str
) -> None:
    path = one(alice)
    page = alice.post(path, title=title)
    assert (page.status_code, reason in page.text) == (422, True)
    assert '<details class="menu" open>' in page.text
    fragment = alice.post(path, htmx=True, title=title)
    assert (fragment.status_code, fragment.headers["HX-Retarget"]) == (422, "#notice")
    refused = change(alice, path, title=title)
    assert refused.status_code == 422
    assert reason in refused.json()["error"]["message"]
    assert titles(alice) == ["Number 0"]


@pytest.mark.parametrize(
    "values",
    [
        *({}, {"title": 5}, {"title": None}, {"pinned": "x"}, {"pinned": []}, {"pinned": 1.5}),
        *({"shelf": "temporary"}, {"shelf": "x"}, {"shelf": []}, {"shelf": {}}),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(alice: Person, values: dict[str, Any]) -> None:
    path = one(alice)
    before = alice.api("GET", path).json()
    assert change(alice, path, **values).status_code == 422
    assert alice.api("PATCH", path, json=[]).status_code == 400
    assert alice.api("GET", path).json() == before


# Pins and the archive


@pytest.mark.engines
def test_pinned_conversations_come_first_until_they_are_unpinned(alice: Person) -> None:
    old, new = have(alice, [utc_now() - timedelta(days=40), utc_now()])
    assert alice.post(f"/conversations/{old}", pinned="true").status_code == 303
    assert titles(alice) == ["Number 0", "Number 1"]
    assert "<h2>Pinned</h2>" in alice.get("/").text
    assert change(alice, f"/conversations/{old}", pinned=False).json()["pinned"] is False
    assert titles(alice) == ["Number 1", "Number 0"]
    assert "Unpin" not in alice.get(f"/conversations/{new}").text


@pytest.mark.engines
def test_an_archived_conversation_leaves_the_list_and_opens_and_comes_back(alice: Person) -> None:
    path = one(alice)
    alice.post(path, shelf="archive")
    assert (titles(alice), titles(alice, "archive")) == ([], ["Number 0"])
    assert "Number 0" in alice.get("/conversations?shelf=archive").text
    assert "Take out of the archive" in alice.get(path).text
    alice.post(path, shelf="list")
    assert (titles(alice), titles(alice, "archive")) == (["Number 0"], [])


# The trash


def addresses(path: str, run: str, call: str) -> list[tuple[str, str]]:
    """What shows a conversation or acts in it."""
    return [
        *(("GET", path), ("GET", f"{path}/live"), ("POST", f"{path}/messages"), ("DELETE", path)),
        *(("GET", f"/runs/{run}"), ("POST", f"/runs/{run}/stop"), ("POST", f"/runs/{run}/retry")),
        *(("GET", f"/agents/chat-stream/{run}"), ("GET", f"/calls/{call}/result")),
        ("GET", f"/agents/chat-history?conversationId={path.rpartition('/')[2]}"),
    ]


@pytest.mark.engines
def test_what_is_deleted_is_nowhere_until_it_is_restored(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(tool_call("findNotes", {"text": "first"}), text("Here."))
    path = begin(alice, "The first note?")
    run = run_of(finished(alice, path))
    with alice.product.app.app_context():
        [call] = db.session.scalars(select(ToolCall.id).where(ToolCall.run_id == run))
    led = alice.post(path, shelf="trash")
    assert led.headers["Location"] == f"/conversations?deleted={path.rpartition('/')[2]}"
    undo = alice.get(led.headers["Location"]).text
    Strict(undo)
    until = utc_now() + KEPT_IN_TRASH
    assert f"“The first note?” is in the trash until {until:%-d %B %Y}." in undo
    for method, address in addresses(path, run, call):
        body = {"json": {"message": "x"}} if method == "POST" else {}
        assert alice.api(method, address, **body).status_code == 404, (method, address)
    assert change(alice, path, title="x").status_code == 404
    assert "There is no such answer" in alice.watch(run).all()[0].data
    for page in ("/", "/conversations", "/conversations?shelf=archive"):
        assert "The first note?" not in alice.get(page).text
    ask = {"userMessage": "x", "conversationId": path.rpartition("/")[2]}
    assert alice.api("POST", "/agents/chat", json=ask).status_code == 404
    assert alice.api("GET", "/agents/chat-history").json() == {"messages": []}
    assert alice.api("GET", "/agents/chat-history-stats").json()["totalMessages"] == 0
    assert titles(alice, "trash") == ["The first note?"]
    Strict(alice.get("/conversations?shelf=trash").text)
    [kept] = alice.get("/auth/download").json()["conversations"]
    assert (kept["shelf"], kept["deleteAt"][:10]) == ("trash", f"{until:%Y-%m-%d}")
    assert alice.post(path, shelf="list").headers["Location"] == path
    assert "Here." in alice.get(path).text
    assert alice.api("GET", path).json()["deleteAt"] is None


@pytest.mark.engines
def test_a_live_answer_is_stopped_when_its_conversation_is_deleted(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    stream = alice.ask("Go on and on")
    run = stream.until("content")[0].json
    path = f"/conversations/{run['conversationId']}"
    deleted = alice.api("DELETE", path)
    assert (deleted.status_code, deleted.json()["shelf"]) == (200, "trash")
    assert stream.until("done")[-1].json["status"] == "stopped"
    assert run["runId"] not in alice.product.services.producer.active


@pytest.mark.engines
def test_a_question_and_a_deletion_at_once_leave_no_live_answer_in_the_trash(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    for _ in range(5):
        conversation_id = one(alice).rpartition("/")[2]
        asking = gevent.spawn(alice.ask, "And now?", conversation_id)
        deleting = gevent.spawn(alice.api, "DELETE", f"/conversations/{conversation_id}")
        assert deleting.get().status_code == 200
        stream = asking.get()
        with alice.product.app.app_context():
            live = select(Run).where(Run.conversation_id == conversation_id, Run.live)
            assert db.session.scalars(live).all() == []
        stream.close()


def rows_of(product: Product, conversation_id: str) -> int:
    with product.app.app_context():
        return sum(
            db.session.scalar(select(func.count()).select_from(kind).where(column)) or 0
            for kind, column in (
                (Conversation, Conversation.id == conversation_id),
                (Message, Message.conversation_id == conversation_id),
                (Run, Run.conversation_id == conversation_id),
            )
        )


@pytest.mark.engines
@pytest.mark.parametrize("how", ["form", "program"])
def test_deleted_for_good_leaves_no_row(alice: Person, how: str) -> None:
    path = begin(alice)
    finished(alice, path)
    alice.post(path, shelf="trash")
    if how == "form":
        led = alice.post(f"{path}/delete-for-good")
        assert led.headers["Location"] == "/conversations?shelf=trash"
    else:
        assert alice.api("DELETE", f"{path}?forGood=true").status_code == 204
    assert rows_of(alice.product, path.rpartition("/")[2]) == 0
    assert alice.post(path, shelf="list").status_code == 404
    assert alice.post(f"{path}/delete-for-good").status_code == 404


@pytest.mark.engines
def test_the_trash_is_emptied_of_what_has_been_there_long_enough(alice: Person) -> None:
    paths = [one(alice), one(alice)]
    for path in paths:
        alice.post(path, shelf="trash")
    old, young = (path.rpartition("/")[2] for path in paths)
    with alice.product.app.app_context():
        age = update(Conversation).where(Conversation.id == old)
        db.session.execute(age.values(delete_at=utc_now() - timedelta(seconds=1)))
        db.session.commit()
        delete_due_conversations()
    assert rows_of(alice.product, old) == 0
    assert rows_of(alice.product, young) == 1


def test_nobody_changes_what_belongs_to_another(alice: Person, mallory: Person) -> None:
    path = one(alice)
    for _ in range(2):
        before = alice.get("/auth/download").json()["conversations"]
        for values in ({"title": "x"}, {"pinned": "true"}, {"shelf": "list"}, {"shelf": "trash"}):
            form = {"csrf_token": mallory.csrf_token} | values
            url = mallory.product.url + path
            assert mallory.browser.post(url, data=form).status_code == 404
            assert change(mallory, path, **values).status_code == 404
        assert mallory.post(f"{path}/delete-for-good").status_code == 404
        for query in ("", "?forGood=true"):
            assert mallory.api("DELETE", path + query).status_code == 404
        assert mallory.get(f"/conversations?deleted={path[15:]}").status_code == 404
        assert alice.get("/auth/download").json()["conversations"] == before
        alice.post(path, shelf="trash")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_change_needs_this_sites_own_form(alice: Person, method: str) -> None:
    path = one(alice)
    url = alice.product.url + path
    data = None if method == "DELETE" else {"title": "x"}
    refused = alice.browser.request(method, url, data=data, allow_redirects=False)
    assert refused.status_code == 403
    assert titles(alice) == ["Number 0"]
    token = {"X-CSRF-TOKEN": alice.csrf_token, "Accept": "application/json"}
    assert alice.browser.request(method, url, data=data, headers=token).status_code == 200

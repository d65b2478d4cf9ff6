"""What reaches out of the system waits for its person: durable, single-use, and theirs alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import gevent
import pytest
import requests
from sqlalchemy import select, update

from app.db.models import Approval, Run, db, utc_now
from tests.app.agent.test_loop import results
from tests.support.product import Message, Person, Product
from tests.support.scripted_model import ScriptedModel, call, text, tool_call, tool_calls
from tests.support.tool_services import ToolService

pytestmark = pytest.mark.shares_product

Start = Callable[..., Product]

LETTER = {"notes": ["first"], "recipientEmail": "ann@example.com"}


def waiting(person: Person, model: ScriptedModel, arguments: Any = None) -> Any:
    """A question whose answer waits for its person; the approval as the stream tells it."""
    model.script(tool_call("sendNotes", arguments or LETTER), text("Done."))
    stream = person.ask("Send the first to Ann")
    messages = stream.until("approval")
    return stream, messages[-1].json


def decide(person: Person, approval: Any, **body: Any) -> requests.Response:
    return person.api("POST", approval["url"], json=body)


def tools_of(messages: list[Message]) -> list[Any]:
    return [message.json for message in messages if message.event == "tool"]


def sent(person: Person) -> list[Any]:
    messages: list[Any] = person.api("GET", "/outbox").json()["messages"]
    return messages


@pytest.mark.engines
def test_nothing_leaves_before_it_is_approved_and_then_exactly_that(
    alice: Person, model: ScriptedModel
) -> None:
    stream, approval = waiting(alice, model)
    assert approval["name"] == "sendNotes"
    assert approval["arguments"] == LETTER
    assert sorted(approval) == ["arguments", "expiresAt", "id", "name", "url"]
    gevent.sleep(0.3)
    assert sent(alice) == []
    assert decide(alice, approval, decision="approve").json()["status"] == "approved"
    rest = stream.until("done")
    assert tools_of(rest)[-1]["status"] == "completed"
    assert rest[-1].json["status"] == "completed"
    [message] = sent(alice)
    assert message["recipient"] == "ann@example.com"


def test_the_letter_is_there_to_read_before_it_goes(alice: Person, model: ScriptedModel) -> None:
    stream, approval = waiting(alice, model)
    [preview] = alice.api("GET", approval["url"]).json()["preview"]
    assert preview["mimeType"] == "text/html"
    page = alice.get(approval["url"]).text
    assert preview["text"] in page
    decide(alice, approval, decision="approve")
    stream.until("done")
    [message] = sent(alice)
    assert f"<h2>{message['subject']}</h2>" in preview["text"]
    assert message["text"].strip() in preview["text"]
    assert "To <strong>ann@example.com</strong>" in preview["text"]


def test_the_letter_is_open_to_read_wherever_it_is_decided(
    alice: Person, model: ScriptedModel
) -> None:
    """Nobody has to unfold it, since a small model may have named the wrong person."""
    _, approval = waiting(alice, model)
    [preview] = alice.api("GET", approval["url"]).json()["preview"]
    for path in (approval["url"], f"/conversations/{conversation_of(alice)}"):
        page = alice.get(path).text
        asked = page.partition('class="approval"')[2].partition('<details class="change"')[0]
        assert preview["text"] in asked
        assert "<details" not in asked


@pytest.mark.own_product
def test_an_approval_of_an_older_version_is_asked_by_the_names_in_the_call(
    alice: Person, model: ScriptedModel
) -> None:
    """Its row has neither a title nor labels."""
    stream, approval = waiting(alice, model)
    with alice.product.app.app_context():
        db.session.execute(update(Approval).values(title=None, labels=None))
        db.session.commit()
    page = alice.get(approval["url"]).text
    assert "<h2>sendNotes?</h2>" in page
    assert "<dt>recipientEmail</dt>" in page
    decide(alice, approval, decision="approve")
    assert stream.until("done")[-1].json["status"] == "completed"


def test_what_cant_be_previewed_is_asked_all_the_same(alice: Person, model: ScriptedModel) -> None:
    unknown = {"notes": ["lost"], "recipientEmail": "ann@example.com"}
    stream, approval = waiting(alice, model, unknown)
    assert alice.api("GET", approval["url"]).json()["preview"] == []
    decide(alice, approval, decision="approve")
    stream.until("done")
    assert "There is no note lost" in results(model)[-1]["error"]


def test_declining_tells_the_model_why(alice: Person, model: ScriptedModel) -> None:
    stream, approval = waiting(alice, model)
    assert decide(alice, approval, decision="decline", reason="Wrong Ann").status_code == 200
    rest = stream.until("done")
    assert tools_of(rest)[-1]["status"] == "failed"
    assert rest[-1].json["status"] == "completed"
    assert results(model)[0]["error"] == (
        'The person declined this, so it was not done. They said: "Wrong Ann"'
    )
    assert sent(alice) == []


@pytest.mark.engines
def test_what_was_changed_is_sent_and_the_model_knows(alice: Person, model: ScriptedModel) -> None:
    stream, approval = waiting(alice, model)
    changed = LETTER | {"recipientEmail": "bob@example.com"}
    answer = decide(alice, approval, decision="approve", arguments=changed).json()
    assert answer["changed"] == changed
    rest = stream.until("done")
    assert tools_of(rest)[-1]["arguments"] == changed
    assert [message["recipient"] for message in sent(alice)] == ["bob@example.com"]
    note = results(model)[-1]["note"]
    assert note.startswith("The person changed the arguments to ")
    history = alice.get(f"/conversations/{conversation_of(alice)}").text
    assert "bob@example.com" in history


def run_of(person: Person) -> str:
    with person.product.app.app_context():
        found: str | None = db.session.scalar(select(Run.id).filter_by(user_id=person.id))
    assert found
    return found


def conversation_of(person: Person) -> str:
    with person.product.app.app_context():
        query = select(Run.conversation_id).filter_by(user_id=person.id)
        found: str | None = db.session.scalar(query)
    assert found
    return found


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "approve", "arguments": LETTER | {"recipientEmail": 5}}, 422),
        ({"decision": "approve", "arguments": {}}, 422),
        ({"decision": "approve", "arguments": []}, 422),
        ({"decision": "approve", "digest": "something else"}, 409),
        ({"decision": "perhaps"}, 422),
        ({}, 422),
        ([], 422),
    ],
)
def test_a_decision_that_is_none_changes_nothing(
    alice: Person, model: ScriptedModel, body: Any, status: int
) -> None:
    stream, approval = waiting(alice, model)
    answer = alice.api("POST", approval["url"], json=body)
    assert answer.status_code == status
    assert alice.api("GET", approval["url"]).json()["status"] == "waiting"
    decide(alice, approval, decision="approve")
    assert stream.until("done")[-1].json["status"] == "completed"


@pytest.mark.engines
@pytest.mark.parametrize("first", ["approve", "decline"])
@pytest.mark.parametrize("second", ["approve", "decline"])
def test_an_approval_is_given_once(
    alice: Person, model: ScriptedModel, first: str, second: str
) -> None:
    stream, approval = waiting(alice, model)
    assert decide(alice, approval, decision=first).status_code == 200
    again = decide(alice, approval, decision=second)
    assert again.status_code == 409
    assert again.json()["error"]["message"] == f"This was {first.rstrip('e')}ed already."
    stream.until("done")
    assert len(sent(alice)) == (first == "approve")


@pytest.mark.engines
def test_an_approval_belongs_to_who_asked(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    _, approval = waiting(alice, model)
    assert mallory.api("GET", approval["url"]).status_code == 404
    assert decide(mallory, approval, decision="approve").status_code == 404
    assert mallory.get(approval["url"]).status_code == 404
    outsider = requests.post(alice.product.url + approval["url"], allow_redirects=False)
    assert outsider.headers["Location"].startswith("/auth/login")
    assert sent(alice) == []


@pytest.mark.own_product
@pytest.mark.engines
def test_an_approval_expires(alice: Person, model: ScriptedModel) -> None:
    stream, approval = waiting(alice, model)
    with alice.product.app.app_context():
        db.session.execute(update(Approval).values(expires_at=utc_now()))
        db.session.commit()
    rest = stream.until("done")
    assert rest[-1].json["status"] == "completed"
    assert "didn't approve this in time" in results(model)[0]["error"]
    late = decide(alice, approval, decision="approve")
    assert late.status_code == 409
    assert late.json()["error"]["message"] == "The time for approving this is over; ask again."
    assert sent(alice) == []


@pytest.mark.own_product
@pytest.mark.engines
def test_one_that_is_late_by_a_hair_is_late(alice: Person, model: ScriptedModel) -> None:
    _, approval = waiting(alice, model)
    with alice.product.app.app_context():
        db.session.execute(update(Approval).values(expires_at=utc_now() - timedelta(seconds=1)))
        db.session.commit()
    assert decide(alice, approval, decision="approve").status_code == 409


def test_what_is_stopped_can_not_be_approved(alice: Person, model: ScriptedModel) -> None:
    stream, approval = waiting(alice, model)
    assert alice.api("POST", f"/runs/{run_of(alice)}/stop").status_code == 200
    assert stream.until("done")[-1].json["status"] == "stopped"
    assert decide(alice, approval, decision="approve").status_code == 409
    assert alice.api("GET", approval["url"]).json()["status"] == "expired"
    assert sent(alice) == []


def test_a_page_asks_and_takes_the_answer_without_script(
    alice: Person, model: ScriptedModel
) -> None:
    stream, approval = waiting(alice, model)
    page = alice.get(approval["url"]).text
    assert "Send notes?" in page
    assert "ann@example.com" in page
    assert "<dt>To</dt>" in page
    conversation = alice.get(f"/conversations/{conversation_of(alice)}").text
    assert approval["url"] in conversation
    assert "Approve" in conversation
    fields: dict[str, Any] = {
        "decision": "approve",
        "argument.notes": "first, second",
        "argument.recipientEmail": " bob@example.com ",
    }
    wrong = alice.post(approval["url"], **fields | {"argument.recipientEmail": ""})
    assert wrong.status_code == 422
    assert "recipientEmail" in wrong.text
    taken = alice.post(approval["url"], **fields)
    # Back to where the call is.
    place = f"/conversations/{conversation_of(alice)}/live#c-{approval['id']}"
    assert (taken.status_code, taken.headers["Location"]) == (303, place)
    stream.until("done")
    assert sent(alice)[0]["recipient"] == "bob@example.com"
    assert "This was approved." in alice.get(approval["url"]).text


def test_rules_of_the_operator_come_before_what_a_tool_says(
    start: Start, model: ScriptedModel
) -> None:
    with ToolService(look=lambda _: {"seen": True}, act=lambda _: {"done": True}) as service:
        service.annotations = lambda name: {"readOnlyHint": True} if name == "look" else {}
        product = start(
            tool_services={"odd": service.url}, approvals={"look": "always", "act": "never"}
        )
        alice = product.sign_up("Alice")
        model.script(tool_call("act", {}), tool_call("look", {}), text("Both."))
        stream = alice.ask("x")
        approval = stream.until("approval")[-1].json
        assert approval["name"] == "look"
        assert service.calls[-1]["key"]
        decide(alice, approval, decision="approve")
        assert stream.until("done")[-1].json["status"] == "completed"
    assert results(model) == [{"done": True}, {"seen": True}]


def test_only_a_tool_of_ours_that_only_reads_runs_unasked(
    start: Start, model: ScriptedModel
) -> None:
    """A writing tool of ours is asked for, however harmless it says it is; so is any tool of
    another server, even one that says it only reads."""
    harmless = {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}
    with (
        ToolService(look=lambda _: {"seen": 1}, note=lambda _: {"noted": 1}) as ours,
        ToolService(look=lambda _: {"seen": 2}) as other,
    ):
        ours.annotations = lambda name: {"readOnlyHint": True} if name == "look" else harmless
        alice = start(
            tool_services={"ours": ours.url}, mcp_servers={"other": {"url": f"{other.url}/mcp"}}
        ).sign_up("Alice")
        calls = [call(name, {}) for name in ("look", "note", "other__look")]
        model.script(tool_calls(calls), text("Done."))
        stream = alice.ask("x")
        asked = [stream.until("approval")[-1].json for _ in range(2)]
        assert {approval["name"] for approval in asked} == {"note", "other__look"}
        for approval in asked:
            decide(alice, approval, decision="approve")
        assert stream.until("done")[-1].json["status"] == "completed"
    assert len(ours.calls) == 2
    assert len(other.calls) == 1


def test_a_change_that_will_not_do_is_explained_in_place_and_the_approval_still_waits(
    alice: Person, model: ScriptedModel
) -> None:
    stream, approval = waiting(alice, model)
    fields = {"argument.notes": "first", "argument.recipientEmail": "nobody at all"}
    refused = alice.post(approval["url"], htmx=True, decision="approve", **fields)
    assert refused.status_code == 422
    assert refused.headers["HX-Retarget"] == f"#approval-{approval['url'].rpartition('/')[2]}"
    assert "<html" not in refused.text
    assert 'value="nobody at all"' in refused.text
    assert sent(alice) == []
    fields["argument.recipientEmail"] = "bob@example.com"
    assert alice.post(approval["url"], htmx=True, decision="approve", **fields).status_code == 204
    assert stream.until("done")[-1].json["status"] == "completed"
    assert [message["recipient"] for message in sent(alice)] == ["bob@example.com"]

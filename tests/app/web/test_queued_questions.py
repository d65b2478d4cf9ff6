"""Questions typed while an answer is being written: queued, asked when it is over, once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.db.models import Conversation, Message, Run, db
from app.db.queue_models import QueuedQuestion
from tests.app.web.test_conversations import Strict
from tests.support.product import Person, Product, eventually
from tests.support.scripted_model import Reply, ScriptedModel, endless, text

pytestmark = pytest.mark.shares_product


def held(word: str, *chunks: str) -> Reply:
    """A text that stands still half-way until the word is let go."""
    return replace(text(*chunks), held=word)


def live(alice: Person, model: ScriptedModel, *then: Any) -> tuple[str, str]:
    """Begin an answer that goes on until it is let go. Return its conversation and its run."""
    model.script(held("go", "One ", "answer"), *(then or (text("Next"),)))
    run = alice.ask("First").until("run")[0].json
    eventually(lambda: model.requests)
    return run["conversationId"], run["runId"]


def ask(alice: Person, conversation: str, question: str, **more: Any) -> Any:
    body = {"userMessage": question, "conversationId": conversation, "queue": True} | more
    key = {"Idempotency-Key": body.pop("key")} if "key" in body else {}
    return alice.api("POST", "/agents/chat-stream", json=body, headers=key)


def queue(alice: Person, conversation: str, question: str, **more: Any) -> dict[str, Any]:
    answer = ask(alice, conversation, question, **more)
    assert answer.status_code == 202
    queued: dict[str, Any] = answer.json()["queued"]
    return queued


def queued(alice: Person, conversation: str) -> list[dict[str, Any]]:
    listed = alice.api("GET", f"/conversations/{conversation}/queue").json()["queued"]
    return list(listed)


def questions(alice: Person, conversation: str) -> list[str]:
    path = f"/agents/chat-history?conversationId={conversation}"
    messages = alice.api("GET", path).json()["messages"]
    return [each["content"] for each in messages if each["role"] == "user"]


def statuses(alice: Person, conversation: str) -> list[str]:
    path = f"/agents/chat-history?conversationId={conversation}"
    messages = alice.api("GET", path).json()["messages"]
    return [each["status"] for each in messages if each["role"] == "assistant"]


def at_rest(alice: Person, conversation: str, count: int) -> None:
    """Wait until so many answers have ended."""

    def is_at_rest() -> bool:
        ends = statuses(alice, conversation)
        return len(ends) == count and not {"running", "queued"} & set(ends)

    eventually(is_at_rest)


# Asked when the answer is over


@pytest.mark.engines
def test_queued_questions_are_asked_in_their_order_when_the_answer_is_over(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    second = queue(alice, conversation, "Second")
    queue(alice, conversation, "Third")
    assert [each["message"] for each in queued(alice, conversation)] == ["Second", "Third"]
    assert questions(alice, conversation) == ["First"]
    model.let_go.add("go")
    eventually(lambda: alice.resume(second["id"]).response.ok)  # its run has its id
    at_rest(alice, conversation, 3)
    assert questions(alice, conversation) == ["First", "Second", "Third"]
    assert statuses(alice, conversation) == ["completed"] * 3
    assert queued(alice, conversation) == []
    asked = [message["content"] for message in model.requests[2].body["messages"]]
    assert asked[-5:] == ["First", "One answer", "Second", "Next", "Third"]


@pytest.mark.engines
def test_without_queue_a_program_is_told_that_an_answer_is_being_written(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    for path in ("/agents/chat", "/agents/chat-stream"):
        body = {"userMessage": "Second", "conversationId": conversation}
        assert alice.api("POST", path, json=body).status_code == 409
    assert ask(alice, conversation, "Second", queue="yes").status_code == 422
    assert queued(alice, conversation) == []


def test_with_queue_a_question_is_asked_at_once_where_nothing_is_written(
    alice: Person, model: ScriptedModel
) -> None:
    body = {"userMessage": "First", "queue": True}
    answer = alice.api("POST", "/agents/chat", json=body)
    assert (answer.status_code, answer.json()["content"]) == (200, "Hello world")


@pytest.mark.engines
def test_a_question_sent_twice_is_queued_once_and_asked_once(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    first = queue(alice, conversation, "Second", key="k")
    assert queue(alice, conversation, "Second", key="k")["id"] == first["id"]
    assert len(queued(alice, conversation)) == 1
    model.let_go.add("go")
    at_rest(alice, conversation, 2)
    again = ask(alice, conversation, "Second", key="k")
    assert again.status_code == 200
    assert f'"runId":"{first["id"]}"' in again.text
    assert questions(alice, conversation) == ["First", "Second"]


def test_at_most_five_are_queued_and_bad_questions_are_refused(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    for number in range(5):
        queue(alice, conversation, f"Number {number}")
    for answer in (
        ask(alice, conversation, "One more"),
        alice.post(f"/conversations/{conversation}/messages", message="One more"),
    ):
        assert answer.status_code == 409
        assert "5 questions are queued already" in answer.text
    assert ask(alice, conversation, " ").status_code == 422
    assert ask(alice, conversation, "x" * 8001).status_code == 422
    assert len(queued(alice, conversation)) == 5


# Stop, remove, send now


@pytest.mark.engines
def test_a_stop_starts_nothing_by_itself_and_what_is_queued_can_be_sent(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, run = live(alice, model)
    second = queue(alice, conversation, "Second")
    alice.api("POST", f"/runs/{run}/stop")
    [waiting] = queued(alice, conversation)
    assert waiting["status"] == "held"
    alice.product.services.supervisor._queue.ask_left()
    assert statuses(alice, conversation) == ["stopped"]
    page = alice.get(f"/conversations/{conversation}").text
    Strict(page)
    assert "Not sent" in page
    assert "Send now" in page
    sent = alice.post(f"/conversations/{conversation}/queue/{second['id']}/send")
    assert sent.status_code == 303
    at_rest(alice, conversation, 2)
    assert statuses(alice, conversation) == ["stopped", "completed"]
    assert queued(alice, conversation) == []


@pytest.mark.engines
def test_send_now_stops_the_answer_and_the_others_are_asked_after_it(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    queue(alice, conversation, "Second")
    third = queue(alice, conversation, "Third")
    sent = alice.api("POST", f"/conversations/{conversation}/queue/{third['id']}/send")
    assert (sent.status_code, sent.json()["runId"]) == (201, third["id"])
    at_rest(alice, conversation, 3)
    assert questions(alice, conversation) == ["First", "Third", "Second"]
    assert statuses(alice, conversation) == ["stopped", "completed", "completed"]
    assert model.requests[0].disconnected.is_set()


@pytest.mark.engines
def test_a_failed_answer_holds_what_is_queued_with_the_reason(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    stream = alice.ask("First")
    conversation = stream.until("content")[0].json["conversationId"]
    queue(alice, conversation, "Second")
    model.cut()
    stream.until("done")
    [waiting] = queued(alice, conversation)
    assert (waiting["status"], waiting["reason"]) == ("held", "The answer before it failed.")


def test_a_queued_question_is_removed_by_form_and_by_program(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    first, second = (queue(alice, conversation, each)["id"] for each in ("Second", "Third"))
    there = f"/conversations/{conversation}/queue"
    led = alice.post(f"{there}/{first}/remove")
    assert (led.status_code, led.headers["Location"]) == (303, f"{there[:-6]}/live")
    assert alice.api("DELETE", f"{there}/{second}").status_code == 204
    assert alice.api("DELETE", f"{there}/{second}").status_code == 404
    assert alice.post(f"{there}/{first}/send").status_code == 404
    model.let_go.add("go")
    at_rest(alice, conversation, 1)


# Limits hold when it is asked


@pytest.mark.own_product
def test_a_question_that_a_limit_refuses_stays_queued_with_the_reason_and_is_asked_later(
    start: Any, model: ScriptedModel
) -> None:
    product: Product = start(max_runs_per_user=1)
    alice = product.sign_up("Alice")
    conversation, _ = live(alice, model, endless(pace=0.01), text("Later"))
    second = queue(alice, conversation, "Second")
    with product.app.app_context():
        # The place of the first run is taken by one of another conversation as it ends.
        other = Conversation(user_id=alice.id, title="Other")
        answer = Message(conversation_id=other.id, position=2, role="assistant")
        db.session.add(other)
        db.session.flush()
        answer.conversation_id = other.id
        db.session.add(answer)
        db.session.flush()
        db.session.add(
            Run(
                user_id=alice.id,
                conversation_id=other.id,
                answer_id=answer.id,
                status="running",
                worker="another",
                lease_until=4e9,
            )
        )
        db.session.commit()
    model.let_go.add("go")
    eventually(lambda: queued(alice, conversation)[0]["reason"])
    [waiting] = queued(alice, conversation)
    assert "1 answers being written" in waiting["reason"]
    assert waiting["status"] == "queued"
    assert waiting["reason"] in alice.get(f"/conversations/{conversation}").text
    with product.app.app_context():
        db.session.execute(update(Run).where(Run.worker == "another").values(status="stopped"))
        db.session.execute(update(QueuedQuestion).values(try_at=0))
        db.session.commit()
    eventually(lambda: len(statuses(alice, conversation)) == 2)
    assert alice.api("POST", f"/runs/{second['id']}/stop").status_code == 200


# A worker that dies


@pytest.mark.engines
def test_what_a_dead_worker_left_is_asked_once_by_whoever_comes(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    queue(alice, conversation, "Second")
    queue_of_product = alice.product.services.supervisor._queue
    # It dies between the end of the run and the next question.
    alice.product.services.producer.after_end = lambda _: None
    model.let_go.add("go")
    try:
        at_rest(alice, conversation, 2)
    finally:
        alice.product.services.producer.after_end = queue_of_product.ask_next
    assert questions(alice, conversation) == ["First", "Second"]


# The pages


def shown(page: str) -> list[str]:
    """The texts of the queue on a page."""
    part = page.partition('id="queue"')[2].partition("</section>")[0]
    return re.findall(r"<p dir=\"auto\">(.*?)</p>", part)


@pytest.mark.engines
def test_the_form_queues_and_leads_to_the_held_open_page_which_leads_on(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    path = f"/conversations/{conversation}"
    led = alice.post(f"{path}/messages", message="<b>Second</b>")
    assert (led.status_code, led.headers["Location"]) == (303, f"{path}/live")
    page = alice.get(f"{path}/live", stream=True)
    model.let_go.add("go")
    html = page.text
    Strict(html)
    assert shown(html) == ["&lt;b&gt;Second&lt;/b&gt;"]
    # What comes after the answer comes when it is over: the queue and the next question's field do.
    answer = html.index("One answer")
    assert html.index('id="queue"') < html.index('id="composer"') < answer
    assert f'content="1; url={path}/live"' in html[answer:]
    at_rest(alice, conversation, 2)
    html = alice.get(path).text
    assert shown(html) == []
    assert "http-equiv" not in html


@pytest.mark.engines
def test_htmx_gets_the_queue_and_then_what_has_been_asked(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, run = live(alice, model, held("more", "Next ", "one"))
    path = f"/conversations/{conversation}"
    reply = alice.post(f"{path}/messages", htmx=True, message="Second", since=run)
    assert reply.status_code == 202
    Strict(reply.text)
    assert 'hx-trigger="htmx:sseClose from:body"' in reply.text
    assert 'class="question"' not in reply.text
    model.let_go.add("go")
    eventually(lambda: len(statuses(alice, conversation)) == 2)
    news = alice.get(f"{path}/queue?since={run}", headers={"HX-Request": "true"}).text
    Strict(news)
    assert shown(news) == []
    assert news.count('class="question"') == news.count("sse-connect") == 1
    [asked] = re.findall(r'id="since" name="since" value="(\w+)"', news)
    again = alice.get(f"{path}/queue?since={asked}", headers={"HX-Request": "true"}).text
    assert 'class="question"' not in again
    model.let_go.add("more")
    at_rest(alice, conversation, 2)


@pytest.mark.engines
def test_nobody_else_sees_or_touches_the_queue(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    second = queue(alice, conversation, "Second")["id"]
    there = f"/conversations/{conversation}/queue"
    own = alice.get("/").text and mallory.ask("Mine").until("done")[0].json["conversationId"]
    assert mallory.api("GET", there).status_code == 404
    for path in (f"{there}/{second}", f"/conversations/{own}/queue/{second}"):
        assert mallory.api("DELETE", path).status_code == 404
        assert mallory.post(f"{path}/send").status_code == 404
        assert mallory.post(f"{path}/remove").status_code == 404
    assert len(queued(alice, conversation)) == 1


@pytest.mark.engines
def test_what_is_queued_goes_with_its_conversation_and_into_the_download(
    alice: Person, model: ScriptedModel
) -> None:
    conversation, _ = live(alice, model)
    queue(alice, conversation, "Second")
    export = alice.get("/auth/download").json()
    assert [each["text"] for each in export["conversations"][0]["queued"]] == ["Second"]
    alice.api("DELETE", f"/conversations/{conversation}")
    assert alice.api("GET", f"/conversations/{conversation}/queue").status_code == 404
    alice.post(f"/conversations/{conversation}", shelf="list")
    assert [each["status"] for each in queued(alice, conversation)] == ["held"]
    alice.post(f"/conversations/{conversation}/delete-for-good")
    with alice.product.app.app_context():
        left = select(func.count()).select_from(QueuedQuestion)
        assert db.session.scalar(left.where(QueuedQuestion.user_id == alice.id)) == 0

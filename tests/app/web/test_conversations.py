"""The pages: conversations, the live answer in fragments and as a page held open, the outbox."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import gevent
import pytest
from gevent.event import Event

from tests.support.live_page import LivePage
from tests.support.product import Person, Product, eventually
from tests.support.scripted_model import (
    Reply,
    ScriptedModel,
    call,
    cut_after,
    endless,
    reply,
    text,
    tool_call,
    tool_calls,
)
from tests.support.tool_services import ToolService

pytestmark = pytest.mark.shares_product

Start = Callable[..., Product]
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Strict(HTMLParser):
    """Reads a page, and finds fault with tags that are not closed where they should be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def begin(person: Person, question: str = "Hello") -> str:
    """Ask the first question by form; the conversation's path."""
    answer = person.post("/conversations", message=question)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removesuffix("/live")


def finished(person: Person, path: str) -> str:
    """The conversation's page once nothing is being written."""
    return str(
        eventually(lambda: (page := person.get(path).text) and "sse-connect" not in page and page)
    )


def run_of(page: str) -> str:
    found = re.search(r'id="run-(\w+)"', page)
    assert found
    return found[1]


# Conversations


@pytest.mark.engines
def test_a_conversation_is_listed_by_its_first_question_and_opens_again(alice: Person) -> None:
    question = "Which notes of last week have a picture and a link to the other pages, and a date?"
    path = begin(alice, question)
    page = finished(alice, path)
    assert question in page
    assert "Hello world" in page
    for page in ("/", "/conversations"):
        assert "Which notes of last week have a picture and a link to the…" in alice.get(page).text


@pytest.mark.own_product
@pytest.mark.engines
def test_everything_is_there_after_a_restart(product: Product, alice: Person) -> None:
    path = begin(alice, "Remember me")
    finished(alice, path)
    csrf = alice.csrf_token
    product.restart_web()
    assert "Hello world" in alice.get(path).text
    assert alice.csrf_token == csrf, "the session was lost"
    assert "Remember me" in alice.get("/conversations").text


def test_ids_in_addresses_cannot_be_guessed(alice: Person) -> None:
    paths = {begin(alice) for _ in range(3)}
    assert len(paths) == 3
    assert all(re.fullmatch(r"/conversations/[0-9a-f]{32}", path) for path in paths)


@pytest.mark.parametrize(
    ("message", "status", "reason"),
    [("", 422, "Type a question"), (" \n ", 422, "Type a question"), ("x" * 8001, 422, "8,001")],
)
@pytest.mark.parametrize("where", ["start", "conversation"])
def test_a_question_that_cannot_be_taken_stays_in_its_field(
    alice: Person, message: str, status: int, reason: str, where: str
) -> None:
    path = "/conversations" if where == "start" else f"{begin(alice)}/messages"
    if where == "conversation":
        finished(alice, path.removesuffix("/messages"))
    page = alice.post(path, message=message)
    assert page.status_code == status
    assert reason in page.text
    assert f">{message}</textarea>" in page.text
    fragment = alice.post(path, htmx=True, message=message)
    assert (fragment.status_code, fragment.headers["HX-Retarget"]) == (status, "#notice")
    assert reason in fragment.text
    assert "<html" not in fragment.text


def test_a_line_of_a_form_ends_as_it_was_typed(alice: Person, model: ScriptedModel) -> None:
    page = finished(alice, begin(alice, "One\r\ntwo"))
    assert "One\ntwo</p>" in page
    assert model.requests[-1].last_user_text == "One\ntwo"


# With htmx


def test_htmx_is_given_the_question_and_the_live_answer(
    alice: Person, model: ScriptedModel
) -> None:
    first = alice.post("/conversations", htmx=True, message="First")
    path = first.headers["HX-Push-Url"]
    assert (first.headers["HX-Retarget"], first.headers["HX-Reswap"]) == ("body", "innerHTML")
    assert f'sse-connect="/runs/{run_of(first.text)}/events?pass=' in first.text
    assert f'action="{path}/messages"' in first.text
    finished(alice, path)
    fragment = alice.post(f"{path}/messages", htmx=True, message="<b>Second</b>")
    assert "&lt;b&gt;Second&lt;/b&gt;" in fragment.text
    assert f'sse-connect="/runs/{run_of(fragment.text)}/events?pass=' in fragment.text
    Strict(fragment.text)


def test_the_fragments_show_a_snapshot_then_what_changes_until_the_end(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(
        tool_call("findNotes", {"text": "first"}, text_before="Look:"),
        text("**One** ", "note.", pace=0.05),
    )
    run = run_of(alice.get(begin(alice)).text)
    stream = alice.watch(run)
    messages = stream.all()
    assert stream.retry == 3000
    assert messages[0].id is not None
    assert messages[0].event == "parts"
    assert messages[-1].event == "done"
    assert messages[-1].data
    page = LivePage(run).heed(messages)
    assert "<strong>One</strong> note." in page.shown()
    assert "done in" in page.shown()
    assert 'class="foot completed"' in page.foot
    for message in messages[:-1]:
        Strict(message.data)


def test_a_page_opened_in_mid_answer_has_the_text_so_far(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Word ", "by ", "word", *["."] * 500, pace=0.01))
    path = begin(alice)
    page = eventually(lambda: "Word by word" in (page := alice.get(path).text) and page)
    assert "sse-connect" in page
    Strict(page)


def test_an_unknown_answers_stream_ends_for_good(alice: Person) -> None:
    messages = alice.watch("0" * 32).all()
    assert [message.event for message in messages] == ["swap", "done"]
    assert "There is no such answer." in messages[0].data


@pytest.mark.engines
def test_a_retry_takes_the_place_of_the_failed_answer(alice: Person, model: ScriptedModel) -> None:
    model.script(cut_after("Half"), text("Whole"))
    path = begin(alice)
    failed = finished(alice, path)
    assert "Half" in failed
    fragment = alice.post(f"/runs/{run_of(failed)}/retry", htmx=True)
    assert "sse-connect" in fragment.text
    page = finished(alice, path)
    assert "Half" not in page
    assert "Whole" in page


def test_an_answer_that_is_cut_off_at_its_limit_goes_on_by_a_plain_form_and_once(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("The first half", finish_reason="length"), text("The second."))
    path = begin(alice)
    cut_off = Strict(finished(alice, path))
    assert "Cut off at the limit" in alice.get(path).text
    forms = [at for at, (tag, to) in enumerate(cut_off.tags) if to.get("class") == "go-on"]
    [(_, form), *inside] = cut_off.tags[forms[0] : forms[0] + 5]
    fields = {str(to["name"]): str(to["value"]) for tag, to in inside if tag == "input"}
    for _ in range(2):
        pressed = alice.post(str(form["action"]), htmx=False, **fields)
        assert pressed.headers["Location"] == f"{path}/live"
    page = finished(alice, path)
    assert "The first half" in page
    assert page.count("The second.") == 1
    assert model.requests[-1].body["messages"][-2]["content"] == "The first half"


def test_programs_are_told_that_an_answer_was_cut_off(alice: Person, model: ScriptedModel) -> None:
    model.script(text("The first half", finish_reason="length"))
    events = alice.ask("Tell").until("done")
    assert (events[-1].json["status"], events[-1].json["usage"] is None) == ("cut_off", False)
    later = alice.resume(events[0].json["runId"]).until("done")
    assert later[-1].json["status"] == "cut_off"


# Without JavaScript


def test_the_page_is_held_open_and_written_on_while_the_answer_comes(
    alice: Person, model: ScriptedModel
) -> None:
    go_on = Event()

    def wait(_request: object) -> Reply:
        eventually(go_on.is_set)
        return text("All.\n\n", "Bye.")

    look = tool_call("findNotes", {"text": "first"}, text_before="Let me look.")
    model.script(look, reply(wait))
    answer = alice.get(f"{begin(alice)}/live", stream=True)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["X-Accel-Buffering"] == "no"
    page = ""
    pieces = answer.iter_content(chunk_size=None)
    while "Reading the results" not in page:
        page += next(pieces).decode()
    assert "Let me look." in page
    assert "done in" in page
    assert "All." not in page
    assert "</html>" not in page
    assert 0 < page.index('/stop"') < page.index('id="composer"') < page.index("Let me look.")
    go_on.set()
    page += b"".join(pieces).decode()
    assert page.index("<p>All.</p>") < page.index("<p>Bye.</p>")
    assert page.rstrip().endswith("</html>")
    Strict(page)


def test_with_nothing_being_written_it_is_the_plain_page(alice: Person) -> None:
    path = begin(alice)
    finished(alice, path)
    answer = alice.get(f"{path}/live", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, path)


def test_a_held_page_in_silence_shows_signs_of_life(start: Start, model: ScriptedModel) -> None:
    alice = start(ping_interval=0.05).sign_up("Alice")
    model.script(endless(pace=5))
    answer = alice.get(f"{begin(alice)}/live", stream=True)
    pieces = answer.iter_content(chunk_size=None)
    page = ""
    while "<!-- -->" not in page:
        page += next(pieces).decode()


# Hostile text


HOSTILE = (
    '<script>alert(1)</script> <img src=x onerror=alert(1)> <b hx-get="/x" hx-trigger="load">b</b>'
    " [l](javascript:alert(1)) ![p](http://203.0.113.9/p.png) </article></main><h1>out</h1>"
    ' <hx-partial hx-target="body">x</hx-partial> <form action="//evil"><input name=p></form>'
)


def test_nothing_that_a_model_or_a_tool_says_can_act(alice: Person, model: ScriptedModel) -> None:
    model.script(
        tool_calls(
            [call("<script>alert(1)</script>", {"<img src=x>": HOSTILE})], text_before=HOSTILE
        ),
        text(HOSTILE, pace=0.05),
    )
    path = begin(alice, HOSTILE)
    run = run_of(alice.get(path).text)
    held = gevent.spawn(lambda: alice.get(f"{path}/live").text)
    fragments = "".join(m.data for m in alice.watch(run).all() if m.event == "message")
    page = finished(alice, path)
    ours = {tag for tag, _ in Strict(alice.get("/").text).tags} | {"details", "summary", "pre"}
    ours |= {"code", "article", "strong", "a", "hx-partial", "h1", "section", "bdi"}
    for html in (page, fragments, held.get()):
        for tag, attributes in Strict(html).tags:
            assert tag in ours, tag
            assert not any(name.startswith("on") for name in attributes)
            assert "javascript" not in str(attributes.get("href"))
            assert "evil" not in str(attributes.get("action"))
            known = r"/status|/conversations|/messages/[0-9a-f]{32}/edit"
            assert re.fullmatch(known, attributes.get("hx-get") or "/status")
            assert attributes.get("hx-target") != "body"
            if tag == "script":
                assert str(attributes["src"]).startswith("/static/")
        assert "<h1>out" not in html


# The outbox and the rest


def test_what_was_sent_can_be_read_in_the_outbox_by_its_sender_alone(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    arguments = {"notes": ["first"], "recipientEmail": "bob@example.com"}
    model.script(tool_call("sendNotes", arguments), text("Sent."))
    stream = alice.ask("Send it")
    approval = stream.until("approval")[-1].json
    alice.api("POST", approval["url"], json={"decision": "approve"})
    stream.until("done")
    page = alice.get("/outbox").text
    assert "for bob@example.com" in page
    assert "not sent" in page
    assert "Your notes" in page
    assert "Your notes" not in mallory.get("/outbox").text
    [message] = alice.api("GET", "/outbox").json()["messages"]
    assert message["recipient"] == "bob@example.com"
    assert mallory.api("GET", "/outbox").json() == {"messages": []}


@pytest.mark.own_product
def test_the_start_page_offers_the_examples_of_the_tools_on_offer(
    product: Product, alice: Person, start: Callable[..., Product]
) -> None:
    page = alice.get("/").text
    assert '<button name="message" value="Which notes are there?">' in page
    assert "Find my notes about &lt;b&gt;" in page
    with ToolService(look=lambda _arguments: {}) as service:
        service.told = lambda _name: {"_meta": {"homestream/examples": ["Look at this", "y" * 201]}}
        ours = start(tool_services={"plain": service.url}).sign_up("Bob").get("/").text
        assert "Look at this" in ours
        assert "yyy" not in ours
        theirs = start(tool_services={}, mcp_servers={"other": {"url": f"{service.url}/mcp"}})
        assert "Look at this" not in theirs.sign_up("Carol").get("/").text


@pytest.mark.own_product
def test_pages_lead_to_the_outbox_only_if_a_service_keeps_one(
    product: Product, alice: Person, start: Callable[..., Product]
) -> None:
    with ToolService(look=lambda _arguments: {}) as service:
        without = start(tool_services={"plain": service.url}).sign_up("Bob")
        for path in ("/", "/conversations"):
            assert 'href="/outbox"' in alice.get(path).text
            assert 'href="/outbox"' not in without.get(path).text


@pytest.mark.own_product
def test_an_outbox_that_cannot_be_reached_is_a_sentence(product: Product, alice: Person) -> None:
    product.tool_services["notes"].stop()
    answer = alice.get("/outbox")
    assert (answer.status_code, "can&#39;t be reached" in answer.text) == (502, True)
    assert alice.api("GET", "/outbox").json()["error"]["code"] == "tool_failed"


def test_the_demo_model_is_openly_labelled_and_a_real_one_is_not(
    start: Start, alice: Person
) -> None:
    assert "Demo model" not in alice.get("/").text
    bob = start(openai_base_url="", model="").sign_up("Bob")
    assert "Demo model" in bob.get("/").text


def test_the_status_dots_are_a_fragment_of_their_own(alice: Person) -> None:
    fragment = alice.get("/status").text
    assert "<html" not in fragment
    assert fragment.count('class="up"') == 2
    assert fragment.strip() in alice.get("/").text


def key_in(html: str) -> str:
    [key] = re.findall(r'id="ask-key" name="key" value="(\w+)"', html)
    return str(key)


@pytest.mark.engines
def test_a_form_sent_twice_asks_once(alice: Person, model: ScriptedModel) -> None:
    """As when the reply was lost, and the person pressed Send again."""
    model.script(text("One."), text("Two."))
    key = key_in(alice.get("/").text)
    first = alice.post("/conversations", message="Hello", key=key)
    again = alice.post("/conversations", message="Hello", key=key)
    assert first.headers["Location"] == again.headers["Location"]
    page = first.headers["Location"].removesuffix("/live")
    eventually(lambda: "One." in alice.get(page).text)
    key = key_in(alice.get(page).text)
    fragments = [alice.post(f"{page}/messages", htmx=True, message="More", key=key) for _ in "12"]
    assert run_of(fragments[0].text) == run_of(fragments[1].text)
    eventually(lambda: "Two." in alice.get(page).text)
    assert len(model.requests) == 2
    assert alice.get(page).text.count("Hello") >= 1
    assert alice.get(page).text.count(">More<") == 1


def test_each_question_of_a_page_has_a_key_of_its_own(alice: Person, model: ScriptedModel) -> None:
    model.script(text("One."), text("Two."), text("Three."))
    start = alice.post("/conversations", message="Hello").headers["Location"].removesuffix("/live")
    assert "One." in finished(alice, start)
    key = key_in(alice.get(start).text)
    fragment = alice.post(f"{start}/messages", htmx=True, message="More", key=key).text
    assert key_in(fragment) != key
    assert "Two." in finished(alice, start)
    # A page that was kept, with another question typed into it: that is another question.
    other = alice.post(f"{start}/messages", htmx=True, message="Other", key=key).text
    assert run_of(other) != run_of(fragment)
    eventually(lambda: "Three." in alice.get(start).text)


# A worker that is full


@pytest.fixture
def full(start: Callable[..., Product], model: ScriptedModel) -> Iterator[Person]:
    """Alice, whose answer is all that the worker may write."""
    model.script(endless(pace=0.05))
    alice = start(max_runs_per_worker=1).sign_up("Alice")
    run = run_of(alice.get(begin(alice)).text)
    yield alice
    assert alice.post(f"/runs/{run}/stop", htmx=True).status_code == 204


def test_a_full_worker_says_so_and_keeps_what_was_typed(full: Person) -> None:
    answer = full.post("/conversations", message="And <this>?")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "in a moment" in answer.text
    assert "And &lt;this&gt;?" in answer.text
    Strict(answer.text)


def test_a_full_worker_says_so_beside_the_composer(full: Person) -> None:
    answer = full.post("/conversations", htmx=True, message="And this?")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["HX-Retarget"] == "#notice"
    assert "in a moment" in answer.text


@pytest.mark.parametrize("path", ["/agents/chat", "/agents/chat-stream"])
def test_a_full_worker_says_so_to_programs(full: Person, path: str) -> None:
    answer = full.api("POST", path, json={"userMessage": "And this?"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["error"]["code"] == "full"
    assert answer.json()["error"]["retryable"] is True


def test_a_full_worker_goes_on_with_what_it_has_and_shows_every_page(full: Person) -> None:
    stream = full.watch(live(full))
    stream.until("parts")
    stream.close()
    assert full.get("/").status_code == full.get("/health").status_code == 200


def live(person: Person) -> str:
    """The run being written in the newest conversation."""
    path = re.findall(r'href="(/conversations/\w{32})"', person.get("/").text)[0]
    return run_of(person.get(path).text)

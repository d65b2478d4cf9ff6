"""Suggested questions are the app's own buttons below the last answer, and ask when pressed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import pytest

from tests.app.web.test_conversations import Strict, finished
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import Blocks, ToolService

Start = Callable[..., Product]

ODD = 'What\'s <b>"next"</b> & last?'
ANSWER = f"Found.\n\n```next-questions\nCheaper?\n{ODD}\n```\n"
TOLD = ("And there?", 7, "x" * 81, "cheaper?")


def buttons(page: str) -> list[str]:
    """The questions of the buttons below answers."""
    form = re.search(r'<form class="suggestions".*?</form>', page, re.S)
    found = re.findall(
        r'<button name="message" value="(.*?)">(.*?)</button>', form[0] if form else ""
    )
    assert all(value == shown for value, shown in found)
    return [html.unescape(value) for value, _ in found]


def suggesting(*questions: object) -> Callable[[object], Blocks]:
    """A tool whose result suggests them."""

    def find(_arguments: object) -> Blocks:
        blocks = Blocks([{"type": "text", "text": "1 found"}])
        blocks.meta = {"homestream/suggestions": [*questions]}
        return blocks

    return find


@pytest.fixture
def service() -> Iterator[ToolService]:
    with ToolService(find=suggesting(*TOLD), look=suggesting("And now?")) as running:
        yield running


def test_the_last_answer_alone_has_them_and_pressing_one_asks(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text(ANSWER), text("Cheap."))
    path = f"/conversations/{alice.ask('Find').until('done')[0].json['conversationId']}"
    page = alice.get(path).text
    assert buttons(page) == ["Cheaper?", ODD]
    assert '<ul role="list" aria-label="Suggested questions">' in page
    assert "next-questions" not in page
    Strict(page)
    [form] = re.findall(r'<form class="suggestions".*?</form>', page, re.S)
    [(action, key)] = re.findall(r' action="(.*?)".*?name="key" value="(.*?)"', form, re.S)
    for htmx in (True, False):  # and once only, however it is sent
        answer = alice.post(action, htmx=htmx, message="Cheaper?", key=key)
    assert answer.status_code == 303
    page = finished(alice, path)
    assert len(re.findall(r"<p[^>]*>Cheaper\?</p>", page)) == 1
    assert buttons(page) == []


def test_a_tool_of_ours_suggests_and_its_program_is_told(
    start: Start, model: ScriptedModel, service: ToolService
) -> None:
    alice = start(tool_services={"there": service.url}).sign_up("Alice")
    model.script(tool_call("find", {}), text(ANSWER))
    messages = alice.ask("Find").until("done")
    page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
    assert buttons(page) == ["Cheaper?", ODD, "And there?"]
    done = next(m.json for m in messages if m.json.get("status") == "completed")
    assert done["suggestions"] == ["And there?", "cheaper?"]
    assert "shown" not in done
    assert alice.get(f"/calls/{done['id']}/shown/0").status_code == 404
    assert "".join(m.json["chunk"] for m in messages if m.event == "content") == ANSWER


def test_what_an_earlier_call_suggested_is_left_out(
    start: Start, model: ScriptedModel, service: ToolService
) -> None:
    alice = start(tool_services={"there": service.url}).sign_up("Alice")
    model.script(tool_call("find", {}), tool_call("look", {}), text("Seen."))
    path = f"/conversations/{alice.ask('Look').until('done')[0].json['conversationId']}"
    assert buttons(alice.get(path).text) == ["And now?"]


def test_another_partys_suggestions_are_ignored(
    start: Start, model: ScriptedModel, service: ToolService
) -> None:
    others = {"there": {"url": f"{service.url}/mcp"}}
    started = start(mcp_servers=others, mcp_allow_private="there", approvals="there__find=never")
    alice = started.sign_up("Alice")
    model.script(tool_call("there__find", {}), text("Found."))
    messages = alice.ask("Find").until("done")
    assert any(m.json.get("status") == "completed" and m.event == "tool" for m in messages)
    page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
    assert buttons(page) == []
    assert "And there?" not in page

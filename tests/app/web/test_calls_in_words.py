"""A tool call on a page: one line for people, and what a developer wants one click deeper."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.live_page import LivePage
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import Blocks, ToolService

pytestmark = pytest.mark.shares_product

LETTER = {"notes": ["first"], "recipientEmail": "ann@example.com"}


def lines(page: str) -> list[str]:
    """The lines of the calls, in words, each with how far its call is."""
    found = re.findall(r'<summary><span class="state".*?</summary>', page, re.S)
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", "", each)).split()) for each in found]


def test_a_call_is_told_in_its_services_words_while_it_is_made_and_after(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(tool_call("findNotes", {"text": "<b>", "limit": 2000}), text("Done."))
    messages = alice.ask("x").until("done")
    page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
    assert lines(page) == ["Looked for notes about <b> · at most 2,000 0 found"]
    ended = next(m.json for m in messages if m.json.get("status") == "completed")
    assert ended["words"] == "0 found"
    assert "display" not in ended  # it can be large, and its parts have addresses
    deeper = page.partition("</summary>")[2]
    assert "<code>findNotes</code> done in" in deeper
    assert "&#34;limit&#34;: 2000" in deeper


def test_a_call_that_waits_for_its_person_says_so(alice: Person, model: ScriptedModel) -> None:
    model.script(tool_call("sendNotes", LETTER), text("Done."))
    stream = alice.ask("x")
    start = stream.until("approval")
    path = f"/conversations/{start[0].json['conversationId']}"
    run_id = start[0].json["runId"]
    line = "Send notes · notes: first · To: ann@example.com"
    assert lines(alice.get(path).text) == [f"{line} Waiting for you"]
    page = LivePage(run_id)
    fragments = iter(alice.watch(run_id))
    page.heed([next(fragments)])
    assert "Waiting for you" in page.shown()
    alice.api("POST", start[-1].json["url"], json={"decision": "approve"})
    page.heed(fragments)
    assert "Waiting for you" not in page.shown()
    assert "done in" in page.shown()
    assert lines(alice.get(path).text) == [f"{line} done"]


def answering(words: object) -> Callable[[object], Blocks]:
    """A tool whose result says this of itself."""

    def find(_arguments: object) -> Blocks:
        blocks = Blocks([{"type": "text", "text": "x"}])
        blocks.meta = {"homestream/words": words}
        return blocks

    return find


@pytest.fixture
def service() -> Iterator[ToolService]:
    tools = {"fine": "1\u202e <found>", "long": "x" * 81, "odd": {"found": 1}, "none": ""}
    with ToolService(**{name: answering(words) for name, words in tools.items()}) as running:
        yield running


@pytest.mark.own_product
def test_what_came_of_it_is_plain_and_short_and_another_partys_word_is_not_taken(
    start: Callable[..., Product], model: ScriptedModel, service: ToolService
) -> None:
    theirs = {
        "mcp_servers": {"t": {"url": f"{service.url}/mcp"}},
        "approvals": {"t__fine": "never"},
    }
    alice = start(tool_services={"ours": service.url}, **theirs).sign_up("Alice")
    for name in ("fine", "long", "odd", "none", "t__fine"):
        model.script(tool_call(name, {}), text("Done."))
        conversation = alice.ask("x").until("done")[0].json["conversationId"]
        [line] = lines(alice.get(f"/conversations/{conversation}").text)
        assert line.endswith("1 <found>" if name == "fine" else " done"), line
    assert line.startswith("From t (not ours): fine")

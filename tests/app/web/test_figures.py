"""An ended answer says which of its figures are from the conversation's tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.app.web.test_conversations import Strict
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import ToolService

Start = Callable[..., Product]
RESULT = {"total": 2, "parts": [{"id": "P104", "price": 1250}, {"id": "P105", "price": 980.5}]}


@pytest.fixture
def service() -> Iterator[ToolService]:
    with ToolService(find=lambda _: RESULT, fail=_fail) as running:
        yield running


def _fail(_arguments: object) -> object:
    raise ValueError("no more than 7777 at a time")


@pytest.fixture
def person(start: Start, service: ToolService) -> Person:
    return start(tool_services={"parts": service.url}).sign_up("Alice")


def mark(words: str) -> str:
    hidden = '<span class="sr"> (not from the tools)</span>'
    return f'<span class="unsourced" title="Not from the tools">{words}{hidden}</span>'


def test_figures_lead_to_their_call_and_others_are_named_in_words(
    person: Person, model: ScriptedModel
) -> None:
    model.script(
        tool_call("find", {}),
        text("**P104** costs $1,250, P105 about $980. One more is $3,400.\n\n```\n5555\n```"),
    )
    stream = person.ask("Which parts are under $2,000?")
    done = stream.until("done")
    run, figures = done[0].json, done[-1].json["figures"]
    [call] = {each.json["id"] for each in done if each.event == "tool"}
    assert [(each["text"], each["source"], each["call"]) for each in figures] == [
        ("P104", "tool", call),
        ("$1,250", "tool", call),
        ("P105", "tool", call),
        ("$980", "tool", call),
        ("$3,400", "none", None),
    ]
    page = person.get(f"/conversations/{run['conversationId']}").text
    assert f'<strong><a class="figure" href="#c-{call}" title="From find">P104</a></strong>' in page
    assert f'<a class="figure" href="#c-{call}" title="From find" tabindex="-1">$1,250</a>' in page
    assert mark("$3,400") in page
    assert "1 figure is not from the tools" in page
    assert "<code>5555\n</code>" in page
    assert f'id="c-{call}"' in page
    Strict(page)
    [question, answer] = person.api("GET", "/agents/chat-history").json()["messages"]
    assert (question["figures"], answer["figures"]) == ([], figures)
    for each in figures:
        assert answer["content"][each["start"] : each["end"]] == each["text"]
    fragments = "".join(message.data for message in person.watch(run["runId"]).until("done"))
    assert mark("$3,400") in fragments


@pytest.mark.engines
def test_results_of_earlier_questions_count_but_not_those_of_failed_calls_or_other_people(
    person: Person, model: ScriptedModel
) -> None:
    model.script(
        *(tool_call("find", {}), text("Found 2."), tool_call("fail", {})),
        text("It was $1,250, not $7,777."),
    )
    first = person.ask("Which parts?").until("done")
    [call] = {each.json["id"] for each in first if each.event == "tool"}
    second = person.ask("And what was it?", first[0].json["conversationId"]).until("done")
    assert [(each["text"], each["call"]) for each in second[-1].json["figures"]] == [
        ("$1,250", call),
        ("$7,777", None),
    ]
    page = person.get(f"/conversations/{first[0].json['conversationId']}").text
    assert f'href="/calls/{call}" title="From an earlier result"' in page
    there = person.get(f"/calls/{call}", allow_redirects=False)
    assert there.status_code == 303
    assert there.headers["Location"].endswith(f"{first[0].json['conversationId']}#c-{call}")
    bob = person.product.sign_up("Bob")
    model.script(text("It was $1,250."))
    [figure] = bob.ask("What was it?").until("done")[-1].json["figures"]
    assert figure["source"] == "none"


def test_what_a_person_said_is_theirs_and_a_setting_turns_it_all_off(
    start: Start, model: ScriptedModel
) -> None:
    alice = start(grounded_figures=True).sign_up("Alice")
    model.script(
        text("With 700,000 € you pay 3,100 € a month. 2 + 2 = 4. [$5,000](https://a.example)")
    )
    done = alice.ask("I have 700k").until("done")
    sources = [(each["text"], each["source"]) for each in done[-1].json["figures"]]
    assert sources == [("700,000 €", "question"), ("3,100 €", "none"), ("$5,000", "none")]
    page = alice.get(f"/conversations/{done[0].json['conversationId']}").text
    assert mark("3,100 €") in page
    assert "With 700,000 € you" in page
    off = start(grounded_figures=False).sign_up("Bob")
    model.script(text("It is 3,100 €."))
    done = off.ask("How much?").until("done")
    assert "figures" not in done[-1].json
    assert (
        'class="unsourced"' not in off.get(f"/conversations/{done[0].json['conversationId']}").text
    )


def test_a_marked_text_streamed_ends_as_its_page_has_it(
    person: Person, model: ScriptedModel
) -> None:
    model.script(
        text("First.", "\n\n| Part | Price |\n|---|--:|\n| P104 | $1,250 |\n| P109 | $77 |")
    )
    done = person.ask("Which?").until("done")
    page = person.get(f"/conversations/{done[0].json['conversationId']}").text
    assert len(re.findall('class="unsourced"', page)) == 4
    assert "4 figures are not from the tools" in page

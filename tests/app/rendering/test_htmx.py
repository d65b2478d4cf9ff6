"""Framing, and the three ways a run's events reach a reader."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as database_event

from app.agent.events import (
    ApprovalRequested,
    Content,
    DisplayPart,
    Done,
    Event,
    Failed,
    Progress,
    RunStarted,
    Thinking,
    ToolCallUpdate,
)
from app.agent.usage import Usage
from app.db.models import Run, db
from app.rendering.answer import AnswerView
from app.rendering.answer_parts import ToolPart
from app.rendering.html import AnswerHtml
from app.rendering.htmx import as_fragments, whole_answer
from app.rendering.markdown import to_html
from app.rendering.sse import BACK_MS, as_json, sse
from app.rendering.stream_without_script import as_page
from app.runs.event_log import Entry
from app.runs.replay import stored_events
from app.runs.subscription import entries_of
from tests.app.rendering.test_markdown import PIECES
from tests.support.live_page import LivePage
from tests.support.product import Message, Person, Product, Stream, text_of

pytestmark = pytest.mark.shares_product

CALL = ToolCallUpdate("call_1", "find", "started", {"q": "<b>"})
ENDED = ToolCallUpdate("call_1", "find", "completed", {"q": "<b>"}, {"n": 1}, None, 12)
COMING = replace(CALL, progress=Progress(3, 10, "<b>Reading"))
EVENTS: list[Event] = [
    RunStarted("r1", "c1"),
    Thinking("Thinking…"),
    Content("Let me "),
    Content("look."),
    CALL,
    ENDED,
    Content("\n\nFound **one**:\n\n- a\n"),
    Content("- b\n\nBye."),
    Done("completed", "m1", Usage(1, 2, 3)),
]


class _Body:
    """What `Stream` reads, without a network."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()

    def iter_content(self, **_options: object) -> list[bytes]:
        return [self._text]


def parsed(text: str) -> list[Message]:
    return Stream(_Body(text)).all()  # type: ignore[arg-type]


@given(st.text(alphabet="a\n\r: é\u2028{"))
def test_data_comes_out_of_the_framing_as_it_went_in(data: str) -> None:
    [message] = parsed(sse("message", data, id=7))
    assert message.data == data.replace("\r\n", "\n").replace("\r", "\n")
    assert (message.event, message.id) == ("message", 7)


def test_a_new_line_in_data_cannot_start_a_field_or_an_event() -> None:
    messages = parsed(sse("content", "x\n\nevent: done\ndata: {}\n\n", id=1))
    assert [message.event for message in messages] == ["content"]


def test_json_has_every_event_in_order_with_its_id_and_pings_in_silence() -> None:
    entries = entries_of(EVENTS)
    messages = parsed("".join(as_json([entries[:3], [], entries[3:]])))
    assert [message.id for message in messages] == [1, 2, 3, 3, 4, 5, 6, 7, 8, 9]
    assert [m.event for m in messages][:5] == ["run", "thinking", "content", "ping", "content"]
    assert messages[5].json == {
        "id": "call_1",
        "name": "find",
        "status": "started",
        "arguments": {"q": "<b>"},
    }
    assert messages[6].json["durationMs"] == 12
    assert messages[-1].json == {
        "status": "completed",
        "messageId": "m1",
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "cached_tokens": 0,
        },
    }


@pytest.fixture
def html(product: Product) -> AnswerHtml:
    return AnswerHtml(product.app, "csrf-value")


def followed(html: AnswerHtml, batches: list[list[Entry]]) -> LivePage:
    """What a page shows that has followed these batches."""
    return LivePage("r1").heed(parsed("".join(as_fragments(batches, AnswerView("r1"), html))))


def at_once(html: AnswerHtml, events: list[Event]) -> LivePage:
    """The same, of a page that is loaded then."""
    answer = AnswerView("r1").apply_all(events)
    return LivePage("r1").heed([Message("swap", lines=[whole_answer(answer, html)])])


def test_an_event_has_all_that_a_page_shows_of_an_approval(html: AnswerHtml) -> None:
    """Streams ask no database."""
    approval = ApprovalRequested(
        "call_1",
        "send",
        {"to": "ann@example.com", "count": 2},
        "/approvals/a1",
        "2026-11-26T10:15:00Z",
        "Send <it>",
        {"to": "Recipient", "note": "A note"},
        (DisplayPart("html", "<p>Dear Ann</p>"),),
    )
    with html.app.app_context():
        engine = db.engine
    statements: list[object] = []

    def count(*arguments: object) -> None:
        statements.append(arguments[2])

    database_event.listen(engine, "before_cursor_execute", count)
    try:
        shown = html.approvals([approval])
    finally:
        database_event.remove(engine, "before_cursor_execute", count)
    assert statements == []
    assert "Send &lt;it&gt;?" in shown
    assert "<dt>Recipient</dt>\n<dd>ann@example.com</dd>" in shown
    assert "<dt>count</dt>\n<dd>2</dd>" in shown
    assert 'name="argument.note" value=""' in shown
    assert "<p>Dear Ann</p>" in shown
    assert f'name="digest" value="{approval.digest}"' in shown
    assert "Until 10:15 UTC" in shown


def test_fragments_begin_with_a_snapshot_and_end_with_what_stands_beneath(html: AnswerHtml) -> None:
    entries = entries_of(EVENTS)
    batches = [entries[:3], entries[3:8], entries[8:]]
    messages = parsed("".join(as_fragments(batches, AnswerView("r1"), html)))
    assert [message.event for message in messages[:3]] == ["parts", "waiting", "status"]
    assert "Let me" in messages[0].data
    assert 'hx-target="#c-call_1" hx-swap="outerHTML"' in "".join(m.data for m in messages)
    last, done = messages[-2:]
    assert 'class="foot completed"' in last.data
    assert "Let me" not in "".join(message.data for message in messages[1:])
    assert (done.event, done.json) == ("done", {"status": "completed", "messageId": "m1"})


@pytest.mark.parametrize("cut", range(1, len(EVENTS)))
def test_a_snapshot_at_any_moment_holds_everything_until_then(html: AnswerHtml, cut: int) -> None:
    entries = entries_of(EVENTS)
    assert followed(html, [entries[:cut]]).shown() == at_once(html, EVENTS[:cut]).shown()


@pytest.mark.slow
@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_an_answer_comes_its_page_is_the_one_that_is_loaded_later(
    html: AnswerHtml, data: st.DataObject
) -> None:
    texts: list[Event] = [Content(piece) for piece in data.draw(PIECES)]
    called: tuple[list[Event], ...] = (
        [],
        [CALL, ENDED],
        [CALL],
        [CALL, COMING],
        [CALL, COMING, ENDED],
    )
    calls = data.draw(st.sampled_from(called))
    events = [*EVENTS[:4], *calls, *texts, EVENTS[-1]]
    entries = entries_of(events)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(entries) - 1))))
    starts, ends = [0, *cuts], [*cuts, len(entries)]
    batches = [entries[start:end] for start, end in zip(starts, ends, strict=True)]
    for seen in range(1, len(batches) + 1):
        shown = followed(html, batches[:seen]).shown()
        assert shown == at_once(html, events[: ends[seen - 1]]).shown()


@pytest.mark.parametrize(
    ("beginning", "end", "shown"),
    [
        ("See [the map][1].", "[1]: https://example.com/map", '<a href="https://example.com/map"'),
        ("So it is.[^1]", "[^1]: By **her**.", '<div class="footnote"><sup>1</sup>'),
    ],
)
def test_an_end_that_changes_how_the_beginning_reads_replaces_the_whole(
    html: AnswerHtml, beginning: str, end: str, shown: str
) -> None:
    events: list[Event] = [
        RunStarted("r1", "c1"),
        Content(f"{beginning}\n\nMore.\n\n"),
        Content(f"{end}\n"),
        Done("completed", "m1"),
    ]
    page = followed(html, [[entry] for entry in entries_of(events)])
    assert shown in page.shown()
    assert page.shown() == at_once(html, events).shown()


def test_finished_code_has_the_colours_that_it_has_later(html: AnswerHtml) -> None:
    code = Content("Look:\n\n```python\nreturn 1\n```\n")
    events = [EVENTS[0], code, Content("\nSo."), EVENTS[-1]]
    while_written = followed(html, [[entry] for entry in entries_of(events[:-1])]).shown()
    assert '<code class="language-python">return 1' in while_written
    page = followed(html, [[entry] for entry in entries_of(events)])
    assert '<span class="k-word">return</span>' in page.shown()
    assert page.shown() == at_once(html, events).shown()


def test_a_finished_run_is_one_message_and_done(html: AnswerHtml) -> None:
    messages = parsed("".join(as_fragments([entries_of(EVENTS)], AnswerView("r1"), html)))
    assert [message.event for message in messages] == ["swap", "done"]
    assert "<article" in messages[0].data
    assert "Stop" not in messages[0].data


@pytest.mark.parametrize(("cards", "folded"), [(3, False), (11, True)])
def test_many_cards_are_folded_and_none_is_left_out(
    html: AnswerHtml, cards: int, folded: bool
) -> None:
    shown = DisplayPart("html", '<article class="show-card"><p>"show-card"</p></article>' * cards)
    page = html.tool(ToolPart(replace(ENDED, display=(shown,))))
    assert page.count("<article") == cards
    assert (f">Show all {cards}</span>" in page) == folded


def test_the_held_open_page_never_takes_anything_back(html: AnswerHtml) -> None:
    entries = entries_of(EVENTS)
    batches = [[entry] for entry in entries]
    pieces = list(as_page(batches, AnswerView("r1"), html, "<html>", "</html>"))
    assert pieces[0] == "<html>"
    assert pieces[-1] == "</html>"
    page = "".join(pieces)
    for once in ("Thinking…", "Let me look.", "<li>a</li>", "<li>b</li>", "Bye.", "done in 0.01 s"):
        assert page.count(once) == 1
    assert page.index("Let me look.") < page.index("done in") < page.index("Bye.")


def test_the_held_open_page_adds_a_few_lines_for_the_progress_of_a_call(html: AnswerHtml) -> None:
    coming = [replace(CALL, progress=Progress(number, 99)) for number in range(50)]
    batches = [[entry] for entry in entries_of([*EVENTS[:5], *coming, *EVENTS[5:]])]
    page = "".join(as_page(batches, AnswerView("r1"), html, "", ""))
    assert "<code>find</code>: <bdi>0 of 99</bdi>" in page
    assert page.count(" of 99") == 10


def test_the_held_open_page_shows_a_table_row_by_row(html: AnswerHtml) -> None:
    rows: list[Event] = [Content(piece) for piece in ("| a |\n|--", "-|\n| 1 |\n", "| 2 |\n")]
    last: list[Event] = [Content("\nBye"), Done("completed", "m1")]
    batches = [[entry] for entry in entries_of([*rows, *last])]
    pieces = list(as_page(batches, AnswerView("r1"), html, "", ""))
    assert [("<td>1</td>" in piece, "<td>2</td>" in piece) for piece in pieces[:5]] == [
        (False, False),
        (False, False),
        (True, False),
        (False, True),
        (False, False),
    ]
    assert "".join(pieces).count("<table>") == "".join(pieces).count("</table>") == 1
    assert to_html("".join(event.chunk for event in rows if isinstance(event, Content))) in (
        "".join(pieces)
    )


def test_a_failure_says_why_and_offers_another_try(html: AnswerHtml) -> None:
    events = [*EVENTS[:4], Failed("model_busy", "It is <busy>.", True), Done("failed", "m1")]
    page = "".join(as_page([entries_of(events)], AnswerView("r1"), html, "", ""))
    assert "It is &lt;busy&gt;." in page
    assert 'action="/runs/r1/retry"' in page
    assert 'value="csrf-value"' in page


def test_a_hostile_tool_name_is_shown_and_nothing_more(html: AnswerHtml) -> None:
    evil = "<img src=x onerror=alert(1)>"
    events: list[Event] = [
        RunStarted("r1", "c1"),
        Thinking(f"Calling {evil}…"),
        ToolCallUpdate("call_1", evil, "started", {evil: evil}),
        ToolCallUpdate("call_1", evil, "failed", {evil: evil}, None, evil, 1),
        Done("stopped", "m1"),
    ]
    batches = [[entry] for entry in entries_of(events)]
    sent = "".join(as_fragments(batches, AnswerView("r1"), html))
    sent += "".join(as_page(batches, AnswerView("r1"), html, "", ""))
    assert "<img" not in sent
    assert "&lt;img" in sent


def test_an_answer_told_anew_replaces_what_was_shown(html: AnswerHtml) -> None:
    begun = [*EVENTS[:6], Content("\n\nHalf a w")]
    anew: list[Event] = [RunStarted("r1", "c1"), Content("", replace=True), *EVENTS[2:]]
    batches = [
        entries_of(begun),
        entries_of(anew[:-1], 2_000_001),
        entries_of(anew[-1:], 2_000_009),
    ]
    messages = parsed("".join(as_fragments(batches, AnswerView("r1"), html)))
    shown, again = [message for message in messages if message.event == "parts"]
    assert "Half a w" in shown.data
    assert "Half a w" not in again.data
    assert again.data.count("Let me look.") == again.data.count('id="c-call_1"') == 1
    assert text_of(parsed("".join(as_json(batches)))) == to_text_of(EVENTS)


def test_a_held_open_page_skips_what_it_has_when_an_answer_is_sent_again(html: AnswerHtml) -> None:
    again: list[Event] = [RunStarted("r1", "c1"), Content("", replace=True), *EVENTS[2:]]
    alone = "".join(as_page([entries_of(EVENTS)], AnswerView("r1"), html, "", ""))
    for length in range(2, len(EVENTS)):
        batches = [entries_of(EVENTS[:length]), entries_of(again, 2_000_001)]
        page = "".join(as_page(batches, AnswerView("r1"), html, "", ""))
        assert page == alone, EVENTS[:length]


def test_a_held_open_page_goes_on_within_a_table(html: AnswerHtml) -> None:
    rows = [Content("|a|\n|-|\n"), *[Content(f"|{n}|\n") for n in range(9)]]
    again: list[Event] = [Content("", replace=True), *rows, Content("\nEnd."), EVENTS[-1]]
    batches = [entries_of(rows[:6]), entries_of(again, 2_000_001)]
    page = "".join(as_page(batches, AnswerView("r1"), html, "", ""))
    assert page.count("<table>") == page.count("</table>") == 1
    assert [page.count(f"<td>{n}</td>") for n in range(9)] == [1] * 9


def test_a_held_open_page_says_so_when_an_answer_begins_differently(html: AnswerHtml) -> None:
    other: list[Event] = [Content("", replace=True), Content("Other.\n\nMore."), EVENTS[-1]]
    batches = [entries_of([Content("One.\n\nTwo.\n\nThree")]), entries_of(other, 2_000_001)]
    page = "".join(as_page(batches, AnswerView("r1"), html, "", ""))
    before, notice, after = page.partition('class="notice"')
    assert ("One." in before, bool(notice), "Other." in after, "One." in after) == (
        True,
        True,
        True,
        False,
    )


def to_text_of(events: list[Event]) -> str:
    return "".join(event.chunk for event in events if isinstance(event, Content))


def test_a_stream_that_ends_early_asks_its_reader_back_soon(html: AnswerHtml) -> None:
    batches = [entries_of(EVENTS[:3])]
    for sent in (as_json(batches), as_fragments(batches, AnswerView("r1"), html)):
        stream = Stream(_Body("".join(sent)))  # type: ignore[arg-type]
        assert "done" not in [message.event for message in stream.all()]
        assert stream.retry == BACK_MS
    page = "".join(as_page(batches, AnswerView("r1"), html, "", ""))
    assert "goes on here" in page


@pytest.mark.engines
def test_the_same_text_comes_of_the_log_and_of_the_database(
    product: Product, alice: Person
) -> None:
    run_id = alice.ask("Hello").until("done")[0].json["runId"]
    entries = product.services.log.read(run_id, 0, 0)
    assert entries
    live = AnswerView(run_id).apply_all(entry.event for entry in entries)
    with product.app.app_context():
        stored = AnswerView(run_id).apply_all(stored_events(db.session.get_one(Run, run_id)))
    assert (stored.text, stored.status, stored.calls) == (live.text, live.status, live.calls)


def test_a_readers_stream_is_in_their_language_whoever_else_reads_the_run(product: Product) -> None:
    events: list[Event] = [
        Thinking("Calling find…"),
        ToolCallUpdate("call_1", "find", "completed", {}, duration_ms=2500),
    ]
    entries = [Entry(at, event) for at, event in enumerate(events, 1)]
    german, english = (
        "".join(
            as_fragments(
                iter([entries[:1], entries[1:]]),
                AnswerView("r1"),
                AnswerHtml(product.app, "csrf-value", language=language),
            )
        )
        for language in ("de", "en")
    )
    assert "find wird aufgerufen…" in german
    assert "fertig in 2,5 s" in german
    assert "Calling find…" in english
    assert "done in 2.5 s" in english

"""A run's events as the stream that htmx swaps into the page.

The events are named for the slots of _live.html: each slot has a place in the page, and a way to
swap. All plain strings and no templates where words are added, since that happens all the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from app.agent.events import Content, Done, Event
from app.errors import SessionEnded
from app.rendering.answer import AnswerView
from app.rendering.answer_parts import (
    ApprovalsChange,
    Change,
    ProgressChange,
    StartedOver,
    StatusChange,
    TextChange,
    TextOpened,
    TextPart,
    ThoughtsChange,
    ToolChange,
    ToolPart,
)
from app.rendering.html import AnswerHtml
from app.rendering.sse import BACK_MS, RETRY_MS, Batches, compact_json, sse
from app.rendering.streamed_markdown import Patch
from app.runs.event_log import Entry

# The events that add to a text, by how many elements down from the text's own. Most words go to the
# end of a paragraph, one down, so that event has the name that costs nothing.
_SLOTS = ("0", "message", "2", "3", "4")


def as_fragments(
    batches: Batches, answer: AnswerView, html: AnswerHtml, sign_in: str = ""
) -> Iterator[str]:
    """Yield the event stream: a snapshot, which replaces the answer on the page, then changes.

    If the reader's session ends, a notice that links to `sign_in` takes the answer's place.
    """
    try:
        yield from _events(batches, answer, html)
    except SessionEnded:
        yield from closing_notice(answer.run_id, html.signed_out(answer.run_id, sign_in))


def _events(batches: Batches, answer: AnswerView, html: AnswerHtml) -> Iterator[str]:
    """Yield the events. Each batch of entries is one piece, since each piece is sent by itself."""
    seq = 0
    for entries in batches:
        # A piece is given no name, since a name would keep it until the next one comes.
        if not entries:
            yield sse("ping", "{}", id=seq)
        elif seq:
            yield _changes(answer, entries, html)
        else:
            yield f"retry: {RETRY_MS}\n\n" + _changes(answer, entries, html, first=True)
        answer.forget_finished()
        seq = entries[-1].seq if entries else seq
        del entries  # or they would be kept until the next ones come
    if answer.live:
        yield f"retry: {BACK_MS}\n\n"


def busy() -> Iterator[str]:
    """Yield a stream that asks its reader to poll: there are too many streams."""
    yield sse("busy", "{}")


def closing_notice(run_id: str, notice: str) -> Iterator[str]:
    """Yield a stream that only says why there is nothing to stream, and ends for good."""
    yield sse("swap", partial(f"#a-{run_id}", "outerHTML", notice), id=0)
    yield sse("done", compact_json({"status": "failed", "messageId": ""}), id=0)


def whole_answer(answer: AnswerView, html: AnswerHtml) -> str:
    """Render the answer so that htmx puts it in the place of everything shown of it."""
    return partial(f"#a-{answer.run_id}", "outerHTML", html.answer(answer))


def partial(target: str, swap: str, html: str) -> str:
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'


def _changes(
    answer: AnswerView, entries: list[Entry], html: AnswerHtml, *, first: bool = False
) -> str:
    """Take the entries in. Return the events that bring the page up to them.

    `first` says that the page has nothing of the answer that can be relied on.
    """
    changes = [change for event in _joined(entries) for change in answer.apply(event)]
    seq, last = entries[-1].seq, entries[-1].event
    if answer.live and (first or any(isinstance(change, StartedOver) for change in changes)):
        events = _snapshot(answer, seq, html)
    elif answer.live:
        events = "".join([_event(answer.run_id, change, html) for change in changes])
    elif first or not answer.shown_as_written:
        events = sse("swap", whole_answer(answer, html), id=seq)
    else:
        events = "".join([_event(answer.run_id, change, html) for change in changes])
        events += _marked(answer) + sse("foot", html.foot(answer), id=seq)
    if isinstance(last, Done):
        done = {"status": last.status, "messageId": last.message_id}
        events += sse("done", compact_json(done), id=seq)
    return events


def _marked(answer: AnswerView) -> str:
    """Return events that replace the texts by those with marked figures."""
    if not answer.is_marked:
        return ""
    htmls = answer.htmls()
    texts = [at for at, part in enumerate(answer.parts, 1) if isinstance(part, TextPart)]
    return "".join(
        sse("swap", partial(f"#p-{answer.run_id} > :nth-child({at})", "innerHTML", next(htmls)))
        for at in texts
    )


def _snapshot(answer: AnswerView, seq: int, html: AnswerHtml) -> str:
    """Return events with all of an answer that changes while it is written."""
    return (
        sse("parts", html.parts(answer), id=seq)
        + sse("waiting", html.approvals(answer.approvals))
        + sse("status", html.status(answer.thinking))
    )


def _event(run_id: str, change: Change, html: AnswerHtml) -> str:
    """Return the change as events without ids, since each connection begins with a snapshot."""
    match change:
        case TextChange(patch=patch):
            return _text_events(run_id, patch)
        case StatusChange(message=message):
            return sse("status", html.status(message))
        case TextOpened():
            return sse("part", '<div class="prose"></div>')
        case ToolChange(part=part, new=True):
            return sse("part", html.tool(part))
        case ToolChange(part=part):
            return sse("swap", partial(f"#c-{part.call.id}", "outerHTML", html.tool(part)))
        case ThoughtsChange(part=part):
            return sse("part", html.thoughts(part))
        case ProgressChange(part=part):
            return _state(part, html)
        case ApprovalsChange(approvals=approvals, part=part):
            waiting = sse("waiting", html.approvals(approvals))
            return waiting + _state(part, html) if part and part.waits else waiting
        case StartedOver():
            return ""


def _state(part: ToolPart, html: AnswerHtml) -> str:
    """Return the event that changes what a call's line says of how far it is."""
    return sse("swap", partial(f"#t-{part.call.id}", "outerHTML", html.state(part)))


def _text_events(run_id: str, patch: Patch) -> str:
    if patch.dropped == 0:
        return "".join([_added(run_id, depth, html) for depth, html in patch.added])
    last = f"#p-{run_id} > :last-child > :last-child"
    dropped = partial(last, "delete", "") * (patch.dropped - 1)
    (_, html), *_ = patch.added
    return (sse("swap", dropped) if dropped else "") + sse("last", html)


def _added(run_id: str, depth: int, html: str) -> str:
    if depth < len(_SLOTS):
        return sse(_SLOTS[depth], html)
    within = f"#p-{run_id} > :last-child" + " > :last-child" * depth
    return sse("swap", partial(within, "beforeend", html))


def _joined(entries: list[Entry]) -> list[Event]:
    """Return the events, with successive texts made one.

    So a reader who comes late or falls behind costs no more than one who doesn't.
    """
    if len(entries) == 1:
        return [entries[0].event]
    events: list[Event] = []
    for is_text, run in groupby((entry.event for entry in entries), key=_only_adds):
        texts = list(run)
        events += [Content("".join(text.chunk for text in texts))] if is_text else texts  # type: ignore[union-attr]
    return events


def _only_adds(event: Event) -> bool:
    return isinstance(event, Content) and not event.replace

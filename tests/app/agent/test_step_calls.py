"""The calls of one step: how many are made, how many at once, and when only a person can help."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from app.agent.events import ApprovalRequested, Event, Progress, ToolCallUpdate
from app.agent.messages import Decision, ToolRequest, ToolResult, ToolSpec
from app.agent.step_calls import AT_ONCE, MAX_CALLS, ApprovalPending, call_all

Ends = dict[str, ToolCallUpdate]


class Tools:
    """A toolbox whose calls take a moment. `approvals` has what is said to a call that asks."""

    def __init__(self, approvals: dict[str, ApprovalRequested | Decision] | None = None) -> None:
        self.approvals = approvals or {}
        self.made: list[str] = []
        self.again: list[str] = []
        self.at_once = 0
        self._running = 0

    def specs(self) -> list[ToolSpec]:
        return []

    def reads_only(self, _name: str) -> bool:
        return True

    def read_arguments(self, _name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    def request_approval(
        self, call_id: str, _name: str, _arguments: dict[str, Any]
    ) -> ApprovalRequested | Decision | None:
        return self.approvals.get(call_id)

    def wait_for_decision(self, call_id: str) -> Decision:
        while not isinstance(decision := self.approvals[call_id], Decision):
            gevent.sleep(0.005)
        return decision

    def call(
        self,
        call_id: str,
        _name: str,
        arguments: dict[str, Any],
        *,
        again: bool = False,
        report: Callable[[Progress], object] | None = None,
    ) -> ToolResult:
        self.made.append(call_id)
        self.again += [call_id] * again
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        assert report
        for number in range(arguments.get("reports", 0)):
            report(Progress(number))
            gevent.sleep(0.01)
        gevent.sleep(arguments.get("seconds", 0.005))
        self._running -= 1
        return ToolResult(arguments)


def requests(count: int) -> list[ToolRequest]:
    """So many calls, no two the same."""
    return [ToolRequest(f"c{n}", "act", json.dumps({"n": n})) for n in range(count)]


def asked(call_id: str) -> ApprovalRequested:
    return ApprovalRequested(call_id, "act", {}, "/approvals/1", "2026-11-25T12:00:00Z")


def run(
    calls: list[ToolRequest],
    tools: Tools,
    past: Ends | None = None,
    see: Callable[[Event], None] = lambda _: None,
    earlier: Ends | None = None,
) -> Ends:
    steps = call_all(calls, tools, past or {}, earlier or {})
    while True:
        try:
            see(next(steps))
        except StopIteration as end:
            ends: Ends = end.value
            return ends


def test_at_most_so_many_calls_are_made_and_the_model_is_told_of_the_rest() -> None:
    tools, calls = Tools(), requests(1_000)
    ends = run(calls, tools)
    assert list(ends) == [call.id for call in calls]
    assert sorted(tools.made) == sorted(call.id for call in calls[:MAX_CALLS])
    assert tools.at_once == AT_ONCE
    assert [end.status for end in ends.values()].count("failed") == 1_000 - MAX_CALLS
    assert str(MAX_CALLS) in (ends["c999"].error or "")


def test_calls_that_were_one_too_many_hold_up_nobody() -> None:
    turns = 0

    def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    ticking = gevent.spawn(tick)
    run(requests(1_000), Tools())
    ticking.kill()
    assert turns > 500


def test_a_step_that_only_a_person_can_bring_forward_is_left() -> None:
    tools = Tools({"c1": asked("c1")})
    seen: list[Event] = []
    with pytest.raises(ApprovalPending):
        run(requests(3), tools, see=seen.append)
    assert sorted(tools.made) == ["c0", "c2"]
    ends = [one.id for one in seen if isinstance(one, ToolCallUpdate) and one.status != "started"]
    assert sorted(ends) == ["c0", "c2"]


@pytest.mark.parametrize(("status", "made"), [("approved", 1), ("declined", 0), ("expired", 0)])
def test_what_was_decided_before_is_not_asked_again(status: Any, made: int) -> None:
    tools = Tools({"c0": Decision(status, {})})
    seen: list[Event] = []
    ends = run(requests(1), tools, see=seen.append)
    assert len(tools.made) == made
    assert ends["c0"].status == ("completed" if made else "failed")
    assert not [event for event in seen if isinstance(event, ApprovalRequested)]


def test_a_call_whose_twin_ended_before_a_take_over_is_not_made() -> None:
    twins = [ToolRequest("c0", "act", "{}"), ToolRequest("c1", "act", "{}")]
    end = ToolCallUpdate("c0", "act", "completed", {}, {"sent": 1}, duration_ms=1)
    begun = ToolCallUpdate("c1", "act", "started", {})
    tools = Tools()
    ends = run(twins, tools, {"c0": end, "c1": begun})
    assert tools.made == []
    assert (ends["c1"].result, ends["c1"].repeated) == ({"sent": 1}, True)


def test_a_call_whose_twin_was_changed_by_the_person_is_not_made() -> None:
    twins = [ToolRequest(id, "act", '{"to": "Ann"}') for id in ("c0", "c1")]
    end = ToolCallUpdate("c0", "act", "completed", {"to": "Anne"}, {"sent": 1}, duration_ms=1)
    tools = Tools()
    ends = run(twins, tools, {"c0": end, "c1": ToolCallUpdate("c1", "act", "started", {})})
    assert tools.made == []
    assert (ends["c1"].result, ends["c1"].repeated) == ({"sent": 1}, True)


def test_only_a_call_that_may_have_been_made_before_is_made_again() -> None:
    """One that still waited for its person can't have been."""
    begun = {id: ToolCallUpdate(id, "act", "started", {}) for id in ("c0", "c1")}
    tools = Tools({"c1": asked("c1")})

    def see(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            tools.approvals["c1"] = Decision("approved", {})

    calls = [*requests(3), ToolRequest("slow", "act", '{"seconds": 0.1}')]
    run(calls, tools, begun, see)
    assert tools.again == ["c0"]


def test_of_many_reports_the_newest_are_events_and_none_after_the_end() -> None:
    seen: list[Event] = []
    calls = [
        ToolRequest("long", "act", '{"reports": 120}'),
        ToolRequest("short", "act", '{"reports": 3}'),
    ]
    run(calls, Tools(), see=seen.append)
    updates = [one for one in seen if isinstance(one, ToolCallUpdate)]
    told = [(one.id, one.status, one.progress.done) for one in updates if one.progress]
    assert 1 <= len(told) <= 3
    assert {(id, status) for id, status, _ in told} == {("long", "started")}
    assert [done for *_, done in told] == sorted({done for *_, done in told})
    assert told[0][2] > 10
    assert (updates[-1].status, updates[-1].progress) == ("completed", None)

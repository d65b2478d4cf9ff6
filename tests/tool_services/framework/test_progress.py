"""What a tool tells while it works: its progress and log lines, as the protocol has them."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import gevent
import pytest
import requests
from gevent.event import Event
from sqlalchemy import func, select

from tests.support.notes.models import Note, db
from tests.support.notes.service import SERVICE
from tests.tool_services.framework.test_mcp_endpoint import ENVELOPE, META, STATELESS
from tests.tool_services.support.services import Service, running, running_issuer
from tool_services.framework import app_factory
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.mcp_stream import MOST_LINES, SECONDS_BETWEEN
from tool_services.framework.progress import MOST_CHARS, Progress
from tool_services.framework.schemas import ToolResult
from tool_services.framework.service import settings_type
from tool_services.framework.tools import tool

BOTH = "application/json, text/event-stream"
Json = dict[str, Any]


class Gate:
    """Where a tool waits for its test, and what became of it."""

    goes_on = Event()
    ended = Event()
    how = ""

    @classmethod
    def close(cls) -> None:
        cls.goes_on, cls.ended, cls.how = Event(), Event(), ""

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator[None]:
        try:
            yield
            cls.how = "finished"
        except gevent.GreenletExit:
            cls.how = "ended"
            raise
        finally:
            cls.ended.set()


class Counted(ToolResult):
    count: int


@tool(reads_only=True)
def count_notes(progress: Progress) -> Counted:
    """Counts."""
    with Gate.watched():
        progress.log("It begins.\nnotes tool=forged", "warning")
        progress.log("Nobody needs this.", "debug")
        progress.report(1, 3, "Reading\nnotes" + "!" * 1_000)
        Gate.goes_on.wait(30)
        for number in range(1_000):
            progress.report(2 + number / 1_000, 3)
            progress.report(1, 3, "It went back")
            progress.report(float("nan"))
        Gate.goes_on.wait(30)
        return Counted(count=db.session.scalar(select(func.count()).select_from(Note)) or 0)


@tool(reads_only=True)
def go_on(progress: Progress) -> Counted:
    """Never ends by itself."""
    with Gate.watched():
        for number in itertools.count():
            progress.report(number)
            gevent.sleep(0.01)
    raise AssertionError


@tool(once_per_key=True, scope="notes:write")
def add_slowly(text: str, progress: Progress) -> Counted:
    """Adds."""
    with Gate.watched():
        progress.report(0, 2, "Thinking")
        Gate.goes_on.wait(30)
        progress.report(1, 2, "Writing")
        db.session.add(Note(Text=text))
        return Counted(count=1)


@tool(reads_only=True)
def chatter(times: int, progress: Progress) -> Counted:
    """Talks."""
    for number in range(times):
        progress.log(f"line {number}")
    return Counted(count=times)


@tool(reads_only=True)
def fail_late(with_reason: bool, progress: Progress) -> Counted:
    """Fails."""
    progress.report(1)
    gevent.sleep(SECONDS_BETWEEN)
    if with_reason:
        raise InvalidArgumentsError("There is no such note.")
    raise RuntimeError("the inside of the service")


@tool(reads_only=True)
def watch_turns(progress: Progress) -> Counted:
    """Says whether others had a turn during a report, before and after a write."""
    turns = 0

    def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    ticking = gevent.spawn(tick)
    progress.report(1)
    before, turns = turns, 0
    db.session.add(Note(Text="in between"))
    db.session.flush()
    progress.report(2)
    after = turns
    db.session.rollback()
    ticking.kill()
    return Counted(count=10 * min(before, 1) + min(after, 1))


TOOLS = [count_notes, go_on, add_slowly, chatter, fail_late, watch_turns]
TALKATIVE = replace(SERVICE, tools=TOOLS, calls=(), setup=None, capabilities=())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    create_app = partial(app_factory.create_app, TALKATIVE)
    with running_issuer() as issuer, running(create_app, db, issuer) as (service, start):
        settings = {"app_url": issuer.url, "notes_url": service.url, "tool_timeout": 30}
        folder = {"instance_dir": tmp_path_factory.mktemp("talkative")}
        start(settings_type([TALKATIVE]).model_validate(settings | folder))
        yield service


@pytest.fixture(autouse=True)
def gate() -> None:
    Gate.close()


@contextmanager
def calling(
    service: Service,
    name: str,
    arguments: Json | None = None,
    *,
    accept: str = BOTH,
    stateless: bool = True,
    key: str = "key",
    under: str | None = "t",
    **meta: Any,
) -> Iterator[requests.Response]:
    """A call under a progress token, with more in its `_meta`."""
    arguments = arguments or {}
    meta |= ({"progressToken": under} if under else {}) | (ENVELOPE if stateless else {})
    params = {"name": name, "arguments": arguments, "_meta": meta}
    headers = {
        "Accept": accept,
        "Idempotency-Key": key,
        "Authorization": f"Bearer {service.call_token(name, arguments, call=key)}",
    }
    if stateless:
        headers |= {"MCP-Protocol-Version": STATELESS, "Mcp-Method": "tools/call", "Mcp-Name": name}
    body = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}
    with requests.post(
        f"{service.url}/mcp", json=body, headers=headers, stream=True, timeout=30
    ) as response:
        yield response


def messages(response: requests.Response) -> Iterator[Json]:
    assert response.headers["Content-Type"].startswith("text/event-stream")
    for line in response.iter_lines(chunk_size=1):
        if line:
            yield json.loads(line.removeprefix(b"data: "))


@pytest.mark.parametrize("stateless", [True, False])
def test_progress_comes_while_the_tool_works_and_the_result_last(
    service: Service, stateless: bool
) -> None:
    with calling(service, "countNotes", stateless=stateless) as response:
        coming = messages(response)
        first = next(coming)
        assert not Gate.ended.is_set()
        Gate.goes_on.set()
        *later, result = coming
    assert {name: first[name] for name in ("jsonrpc", "method")} == {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
    }
    told = first["params"]["message"]
    assert first["params"] | {"message": ""} == {
        "progressToken": "t",
        "progress": 1,
        "total": 3,
        "message": "",
    }
    assert (told[:13], len(told)) == ("Reading notes", MOST_CHARS)
    assert (result["id"], result["result"]["structuredContent"]) == (5, {"count": 2})
    # A thousand reports are a few notifications, of which the last one is the newest.
    amounts = [each["params"]["progress"] for each in later]
    assert amounts == sorted(set(amounts))
    assert 1 <= len(amounts) < 50
    assert amounts[-1] == 2.999


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("countNotes", {}, {"accept": "application/json"}),
        ("countNotes", {}, {"under": None}),
        ("chatter", {"times": 0}, {}),
    ],
    ids=["no stream accepted", "no token", "nothing told"],
)
def test_other_calls_are_answered_by_plain_json(
    service: Service, name: str, arguments: Json, options: Json
) -> None:
    Gate.goes_on.set()
    with calling(service, name, arguments, **options) as response:
        assert response.headers["Content-Type"] == "application/json"
        assert response.json()["result"]["isError"] is False


def test_log_lines_are_sent_to_whoever_asks_for_their_level(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    Gate.goes_on.set()
    caplog.set_level(logging.DEBUG, "tool_services")
    sent: dict[str, list[Json]] = {}
    for level in ("", "debug", "info", "error"):
        asked: Json = {META + "logLevel": level} if level else {}
        with calling(service, "countNotes", **asked) as response:
            found = [one for one in messages(response) if one.get("method", "").endswith("message")]
            sent[level] = [one["params"] for one in found]
    line = {"level": "warning", "logger": "countNotes", "data": "It begins. notes tool=forged"}
    assert sent["info"] == [line]
    assert [one["level"] for one in sent["debug"]] == ["warning", "debug"]
    assert sent[""] == sent["error"] == []
    assert "notes tool=countNotes It begins. notes tool=forged" in caplog.messages


def test_no_more_than_so_many_log_lines_are_sent(service: Service) -> None:
    asked: Json = {META + "logLevel": "info"}
    with calling(service, "chatter", {"times": MOST_LINES + 50}, **asked) as response:
        *lines, result = messages(response)
    assert len(lines) == MOST_LINES
    assert result["result"]["structuredContent"] == {"count": MOST_LINES + 50}


def test_a_tool_that_fails_after_progress_says_so_as_ever(service: Service) -> None:
    with calling(service, "failLate", {"withReason": True}) as response:
        *_, told = messages(response)
    assert told["result"]["isError"] is True
    assert told["result"]["content"][0]["text"] == "There is no such note."
    with calling(service, "failLate", {"withReason": False}) as response:
        *_, told = messages(response)
    assert (told["id"], told["error"]["code"]) == (5, -32603)
    assert "inside" not in json.dumps(told)


def test_a_call_is_logged_once_at_its_end_with_its_status(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for name, arguments in (("failLate", {"withReason": True}), ("chatter", {"times": 0})):
        with calling(service, name, arguments) as response:
            list(response.iter_content())
    lines = [line.rpartition(" ")[0] for line in caplog.messages if "user=" in line]
    assert lines == [
        "notes tool=failLate user=alice status=422",
        "notes tool=chatter user=alice status=200",
    ]


def test_a_call_whose_client_has_gone_is_ended_if_it_only_reads(service: Service) -> None:
    with calling(service, "goOn") as response:
        next(messages(response))
    assert Gate.ended.wait(30)
    assert Gate.how == "ended"


def test_a_call_that_writes_goes_on_without_its_client_and_is_done_once(service: Service) -> None:
    with calling(service, "addSlowly", {"text": "slow"}, key="k1") as response:
        next(messages(response))
    Gate.goes_on.set()
    assert Gate.ended.wait(30)
    Gate.close()
    with calling(service, "addSlowly", {"text": "slow"}, key="k1") as response:
        assert response.json()["result"]["structuredContent"] == {"count": 1}
    assert not Gate.ended.is_set()
    with service.app.app_context():
        same = select(func.count()).select_from(Note).where(Note.Text == "slow")
        assert db.session.scalar(same) == 1


def test_a_report_lets_others_run_except_after_a_write_to_sqlite(service: Service) -> None:
    with calling(service, "watchTurns") as response:
        *_, told = messages(response)
    assert told["result"]["structuredContent"] == {"count": 10}


def test_the_scopes_hold_for_a_call_with_progress(service: Service) -> None:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "addSlowly",
            "arguments": {"text": "x"},
            "_meta": {"progressToken": 1},
        },
    }
    answer = service.request("POST", "/mcp", service.token(), json=body, headers={"Accept": BOTH})
    assert answer.status == 403

"""Other people's servers can't stop this program: whatever they send, everybody else's answer keeps
its pace, and what they did has an end within the tools' time-out and 50 MB."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest

from tests.app.agent.test_loop import results
from tests.support.event_loop import Turns, watched_turns
from tests.support.hostile_tool_server import (
    ALMOST,
    ON_CALLING,
    ON_LISTING,
    SECRET,
    TOOLS,
    fetched,
    hostile_tool_server,
)
from tests.support.product import Person, Product, eventually
from tests.support.scripted_model import (
    Chosen,
    RecordedRequest,
    ScriptedModel,
    endless,
    text,
    tool_call,
)

Start = Callable[..., Product]

pytestmark = pytest.mark.slow

# As in Turns.longest. It is 10, or 30 beside busy programs; without limits it was 88 to 1,300.
LONGEST_TURN = 40

TIMEOUT = 4
PACE = 0.02
# A busy machine may take longer. Without a limit these attacks took from 33 s to weeks.
MOST_TIMEOUTS = 3
MOST_MEGABYTES = 50


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    with hostile_tool_server() as url:
        yield url


@contextmanager
def watching(product: Product, name: str) -> Iterator[Turns]:
    """Let somebody else read an answer as it is written, before, during and after."""
    stream = product.sign_up(name).ask("count")
    pieces = []

    def read() -> None:
        for message in stream:
            pieces.append(message)

    reader = gevent.spawn(read)
    eventually(lambda: len(pieces) > 10)
    with watched_turns() as turns:
        yield turns
    before = len(pieces)
    eventually(lambda: len(pieces) > before + 10)
    reader.kill()
    stream.close()


def answer(request: RecordedRequest) -> object:
    if request.last_user_text == "count":
        return endless(PACE)
    if request.body["messages"][-1]["role"] == "tool":
        return text("It did not work.")
    return tool_call("hostile__act", {"x": ALMOST})


@contextmanager
def memory_within(megabytes: int) -> Iterator[None]:
    """Fail where this process's memory grows by more in between, if only for a moment."""
    status = Path("/proc/self/status")
    if not status.exists():
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_megabytes(status)
    yield
    assert _peak_megabytes(status) - before < megabytes


def _peak_megabytes(status: Path) -> float:
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def begin(start: Start, url: str, attack: str) -> Person:
    product = start(
        mcp_servers={"hostile": {"url": f"{url}{attack}"}},
        approvals={"hostile__act": "never"},
        tool_timeout=TIMEOUT,
    )
    return product.sign_up("Alice")


@pytest.mark.parametrize("attack", ON_CALLING)
def test_what_a_hostile_tool_answers_slows_nobody_else_down(
    start: Start, model: ScriptedModel, hostile: str, attack: str
) -> None:
    model.script(Chosen(answer))  # type: ignore[arg-type]
    alice = begin(start, hostile, attack)
    with watching(alice.product, "Bob") as turns, memory_within(MOST_MEGABYTES):
        began = time.monotonic()
        messages = alice.ask("act").until("done")
        took = time.monotonic() - began
    assert messages[-1].json["status"] == "completed"
    assert took < MOST_TIMEOUTS * TIMEOUT
    assert turns.longest < LONGEST_TURN


@pytest.mark.parametrize("attack", ON_LISTING)
def test_how_a_hostile_server_lists_its_tools_slows_nobody_down(
    start: Start, model: ScriptedModel, hostile: str, attack: str
) -> None:
    model.script(Chosen(answer))  # type: ignore[arg-type]
    alice = begin(start, hostile, attack)
    registry = alice.product.services.registry
    with watching(alice.product, "Bob") as turns, memory_within(MOST_MEGABYTES):
        began = time.monotonic()
        registry.refresh()
        took = time.monotonic() - began
    server = registry.servers["hostile"]
    assert (server.up, server.tools) == (False, ())
    assert server.problem
    assert took < MOST_TIMEOUTS * TIMEOUT
    assert turns.longest < LONGEST_TURN


@pytest.mark.parametrize("attack", [name for name in TOOLS if name.startswith("ref-")])
def test_nothing_that_a_schema_refers_to_is_fetched(
    start: Start, model: ScriptedModel, hostile: str, attack: str
) -> None:
    model.script(Chosen(answer))  # type: ignore[arg-type]
    before = fetched(hostile)
    alice = begin(start, hostile, attack)
    assert alice.ask("act").until("done")[-1].json["status"] == "completed"
    assert "There is no tool" in results(model)[0]["error"]
    assert SECRET not in str(model.requests[-1].body)
    assert SECRET not in alice.get("/tools").text
    assert fetched(hostile) == before

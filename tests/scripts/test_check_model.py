"""What `make check-model` finds at endpoints that work and that don't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.llm.endpoint import Endpoint
from app.llm.model_client import ModelClient
from scripts import ROOT, StartError
from scripts.check_model import Finding, check_model, run
from tests.app.llm.test_broken_endpoints import RawServer
from tests.support.scripted_model import (
    RecordedRequest,
    Reply,
    ScriptedModel,
    cut_after,
    endless,
    error,
    reply,
    stall_after,
    text,
    tool_call,
    whole,
)

WORDS = ("one, ", "two, ", "three")
CALL = tool_call("getWeather", {"city": "Oslo"})
CUT_OFF = text("one, two", finish_reason="length")
TOLD = text("It is 17 degrees.")


def works(request: RecordedRequest) -> Reply:
    """As a good model at a good endpoint."""
    body = request.body
    if "max_tokens" in body:
        return CUT_OFF
    if body["messages"][-1]["role"] == "tool":
        return TOLD
    if "tools" in body and "tool_choice" not in body:
        return CALL
    return text(*WORDS, pace=0.1)


def checked(base_url: str, seconds: float = 60) -> list[Finding]:
    client = ModelClient(Endpoint(base_url), ["m"], first_token_timeout=3)
    return list(check_model(client, seconds))


def test_a_model_that_works_passes_five_checks(model: ScriptedModel) -> None:
    model.script(reply(works))
    findings = checked(model.base_url)
    assert [finding.works for finding in findings] == [True] * 5
    assert "scripted answers in 3 pieces, 12 tokens" in findings[0].sentence
    assert len(model.requests) == 5


def test_a_call_that_is_written_as_text_counts_as_the_app_takes_it(model: ScriptedModel) -> None:
    written = '```json\n{"name": "getWeather", "arguments": {"city": "Oslo"}}\n```'
    model.script(text(*WORDS, pace=0.1), text(written), TOLD, text(*WORDS), CUT_OFF)
    assert [finding.works for finding in checked(model.base_url)] == [True] * 5


FAULTS: list[tuple[str, int, Reply, str]] = [
    ("whole", 0, text("one, two, three"), "in one piece"),
    ("no usage", 0, text(*WORDS, usage=False), "no usage"),
    ("cut off", 0, text(*WORDS, finish_reason="length"), "MAX_TOKENS"),
    ("no tools", 1, text("It is sunny in Oslo."), 'but wrote "It is sunny in Oslo."'),
    ("another tool", 1, tool_call("weather", {"city": "Oslo"}), "wrongly"),
    ("another city", 1, tool_call("getWeather", {"city": "Rome"}), "wrongly"),
    ("broken arguments", 1, tool_call("getWeather", "{oops"), "wrongly"),
    ("refused tools", 1, error(400, "tools are off here"), "The endpoint said: 400 tools are off"),
    ("called again", 2, CALL, "again"),
    ("made up", 2, text("It is 5 degrees. " * 20), "didn't tell"),
    ("silent after a tool", 2, stall_after(), "stopped sending"),
    ("no tool_choice", 3, CALL, "tool_choice"),
    ("no limit", 4, text(*WORDS), "max_tokens"),
]


@pytest.mark.parametrize(("at", "faulty", "words"), [each[1:] for each in FAULTS], ids=[
    each[0] for each in FAULTS
])  # fmt: skip
def test_what_does_not_work_is_named_and_the_rest_is_checked(
    model: ScriptedModel, at: int, faulty: Reply, words: str
) -> None:
    good: list[Reply] = [text(*WORDS), CALL, TOLD, text(*WORDS), CUT_OFF]
    model.script(*good[:at], faulty, *good[at + 1 :])
    findings = checked(model.base_url)
    assert [finding.works for finding in findings] == [number != at for number in range(5)]
    assert words in findings[at].sentence


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (error(401, "no"), "OPENAI_API_KEY"),
        (error(404, "no such model"), "MODEL"),
        (error(503, "busy"), "trouble"),
        (whole(200, b"<html>A page.</html>", "text/html"), "OPENAI_BASE_URL"),
        (cut_after("one, "), "connection"),
        (text(), "empty"),
    ],
)
def test_an_endpoint_that_does_not_answer_is_asked_once(
    model: ScriptedModel, broken: Reply, words: str
) -> None:
    model.script(broken)
    [finding] = checked(model.base_url)
    assert not finding.works
    assert words in finding.sentence
    assert len(model.requests) == 1


def test_a_model_that_does_not_stop_is_not_waited_for(model: ScriptedModel) -> None:
    model.script(text(*WORDS), endless(), TOLD, text(*WORDS), CUT_OFF)
    findings = checked(model.base_url, seconds=1)
    assert [finding.works for finding in findings] == [True, False, True, True, True]
    assert "RUN_TIMEOUT" in findings[1].sentence


def test_nonsense_and_nobody_are_found_too() -> None:
    server = RawServer()
    server.response = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: nonsense\n\n"
    )
    assert [finding.works for finding in checked(server.base_url)] == [False]
    server.close()
    assert [finding.works for finding in checked(server.base_url)] == [False]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without a model, and a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "MODEL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_command_says_all_of_it_and_ends_well(model: ScriptedModel, tmp_path: Path) -> None:
    model.script(reply(works))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "scripts.check_model"]
    good = subprocess.run(
        command,
        cwd=tmp_path,
        env=env | {"OPENAI_BASE_URL": model.base_url, "MODEL": "m"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (good.returncode, good.stderr) == (0, "")
    assert [line[:5] for line in good.stdout.splitlines()[1:]] == ["ok   "] * 5


def test_the_command_fails_and_says_what_is_wrong(
    model: ScriptedModel, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.setenv("OPENAI_BASE_URL", model.base_url)
    settings.setenv("MODEL", "m")
    model.script(text(*WORDS))
    assert run() == 1
    assert "WRONG Tool call: The model called no tool" in capsys.readouterr().out


def test_without_a_model_nothing_is_asked(
    settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StartError, match="OPENAI_BASE_URL"):
        run()
    assert capsys.readouterr().out == ""

"""An endpoint's failures: what a person is told, what the operator is told, what is tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelRefused, ModelUnavailable
from app.llm.endpoint_errors import LONGEST_DETAIL
from tests.app.llm.asking import Build, failure
from tests.app.llm.conftest import KEY
from tests.support.scripted_model import (
    Reply,
    ScriptedModel,
    error,
    error_mid_stream,
    text,
    whole,
)

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> Any:
    """A failure, whose status stands in its file's name: endpoint-status, maybe -reason."""
    kind = "text/html" if name.endswith(".html") else "application/json"
    status = int(name.partition(".")[0].split("-")[-1 if name[-6].isdigit() else -2])
    return whole(status, (RECORDED / name).read_bytes(), kind)


@pytest.mark.parametrize(
    ("name", "code", "detail"),
    [
        ("openai-401.json", "model_key", "401 The key *** is not one of ours."),
        ("openai-404.json", "model_unknown", "404 There is no model `gpt-9`, or not for you."),
        ("openai-400-context.json", "model_context", "400 Too many tokens for this model."),
        ("openai-429-quota.json", "model_refused", "429 You exceeded your current quota"),
        ("azure-400-filter.json", "model_declined", "400 The prompt was filtered."),
        ("llama-cpp-400-long.json", "model_context", "400 request (9165 tokens) exceeds"),
        ("llama-cpp-400-context.json", "model_context", "400 The request has more tokens than"),
        ("vllm-400-context.json", "model_context", "400 The maximum context length here is 4096"),
        ("openrouter-402.json", "model_refused", "402 More money is needed for this request."),
        ("deepseek-402.json", "model_refused", "402 Balance too low"),
        ("mistral-401.json", "model_key", "401 No such key"),
        ("mistral-422.json", "model_refused", '422 {"detail": [{"type": "extra_forbidden"'),
        ("ollama-404.json", "model_unknown", '404 model "qwen9" is not here, pull it'),
    ],
)
def test_a_refusal_is_not_tried_again_and_keeps_the_endpoints_words(
    model: ScriptedModel, build: Build, name: str, code: str, detail: str
) -> None:
    model.script(recorded(name))
    _, problem = failure(build())
    assert isinstance(problem, ModelRefused)
    assert (problem.code, len(model.requests)) == (code, 1)
    assert problem.detail.startswith(detail)
    assert KEY not in problem.detail


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("openai-429-rate.json", "429 Too many tokens per minute."),
        ("azure-429.json", "429 Too many calls in this tier."),
        (
            "openrouter-429.json",
            "429 The provider returned an error: deepseek/deepseek-r1:free is busy upstream",
        ),
        ("proxy-502.html", "502 <html> <head><title>502</title>"),
    ],
)
def test_a_passing_failure_is_tried_again_and_keeps_the_endpoints_words(
    model: ScriptedModel, build: Build, name: str, detail: str
) -> None:
    model.script(recorded(name))
    _, problem = failure(build(attempts=2))
    assert isinstance(problem, ModelUnavailable)
    assert len(model.requests) == 2
    assert problem.detail.startswith(detail)


def test_a_model_that_is_being_loaded_is_waited_for(model: ScriptedModel, build: Build) -> None:
    model.script(recorded("llama-cpp-503.json"))
    _, problem = failure(build(attempts=1))
    assert "being loaded" in problem.message
    assert isinstance(problem, ModelUnavailable)
    assert problem.retry_after


@pytest.mark.parametrize(
    ("trouble", "advice"),
    [
        (error(401, "no"), "OPENAI_API_KEY"),
        (error(403, "no"), "OPENAI_API_KEY"),
        (error(404, "no"), "MODEL"),
        (error(400, "bad"), "MODEL"),
        (error(400, "long", code="context_length_exceeded"), "start a new one"),
        (error(429, "You exceeded your current quota."), "credit"),
        (error(429, "Check your billing details."), "credit"),
        (text("I", finish_reason="content_filter"), "declined"),
    ],
)
def test_a_refusal_says_what_to_do(
    model: ScriptedModel, build: Build, trouble: Reply, advice: str
) -> None:
    model.script(trouble)
    _, problem = failure(build())
    assert advice in problem.message
    assert (problem.retryable, len(model.requests)) == (False, 1)


WORDS = f"No, {KEY}!\nforged\x1b[2J\u2028line " + 1_000 * " and so on"


@pytest.mark.parametrize(
    "trouble", [error(400, WORDS), error_mid_stream(message=WORDS)], ids=["at once", "mid-stream"]
)
def test_an_endpoints_words_stay_one_short_line_of_a_log(
    model: ScriptedModel, build: Build, trouble: Reply
) -> None:
    model.script(trouble)
    detail = failure(build(attempts=1))[1].detail
    assert "No, ***! forged [2J line" in detail
    assert len(detail) <= LONGEST_DETAIL
    assert all(character.isprintable() for character in detail)


@pytest.mark.parametrize(
    "body", [b'{"error": "half a character \\ud83d"}', 400 * b"[" + 400 * b"]"]
)
def test_words_that_are_hard_to_read_are_kept_as_they_came(
    model: ScriptedModel, build: Build, body: bytes
) -> None:
    model.script(whole(400, body, "application/json"))
    problem = failure(build(attempts=1))[1]
    assert problem.code == "model_refused"
    assert body[:12].decode() in problem.detail


def test_no_compressed_answer_is_asked_for_or_taken(model: ScriptedModel, build: Build) -> None:
    model.script(whole(200, b"\x1f\x8b", "text/event-stream", {"Content-Encoding": "gzip"}))
    _, problem = failure(build())
    assert (problem.code, problem.retryable) == ("model_encoding", False)
    assert [request.headers["accept-encoding"] for request in model.requests] == ["identity"]


@pytest.mark.parametrize(
    ("answer", "code", "detail"),
    [
        (whole(200, b"<p>Welcome</p>", "text/html"), "model_no_stream", "<p>Welcome</p>"),
        (whole(200, b'{"choices": []}', "application/json"), "model_no_stream", '{"choices"'),
        (error(200, "Overloaded"), "model_unavailable", "Overloaded"),
    ],
)
def test_a_page_or_json_instead_of_a_stream_is_said_to_be_one(
    model: ScriptedModel, build: Build, answer: Reply, code: str, detail: str
) -> None:
    model.script(answer)
    _, problem = failure(build(attempts=1))
    assert problem.code == code
    assert problem.detail.startswith(detail)

"""One reply: whole whatever the wire does; asked for again before its first token, never after."""

from __future__ import annotations

import pytest

from app.agent.usage import Usage
from app.errors import ModelRefused, ModelUnavailable
from app.llm.endpoint import Endpoint
from app.llm.model_client import ModelClient
from tests.app.llm.asking import MESSAGES, Ask, Build, ask_all, failure
from tests.support.product import eventually
from tests.support.scripted_model import (
    DONE,
    Reply,
    ScriptedModel,
    call,
    cut_after,
    empty,
    error,
    error_mid_stream,
    event,
    raw_bytes,
    reasoning,
    stall_after,
    stall_before_first,
    text,
    tool_call,
    tool_calls,
)

DEEP = b'data: {"error": ' + 20_000 * b"[" + b"\n\n"


def test_text_comes_in_pieces_and_the_turn_has_all_of_it(model: ScriptedModel, ask: Ask) -> None:
    model.script(text("Hello ", "wörld"))
    chunks, turn = ask()
    assert chunks == ["Hello ", "wörld"]
    assert turn.text == "Hello wörld"
    assert turn.usage == Usage(7, 5, 12)
    assert turn.model == "scripted"


def test_text_and_tool_calls_of_one_turn_are_both_kept(model: ScriptedModel, ask: Ask) -> None:
    model.script(tool_calls([call("a", {"x": 1}), call("b", {"y": "ü" * 30})], text_before="Look:"))
    chunks, turn = ask()
    assert "".join(chunks) == turn.text == "Look:"
    assert (turn.calls[0].name, turn.calls[0].arguments) == ("a", '{"x": 1}')
    assert turn.calls[1].name == "b"
    assert turn.calls[0].id != turn.calls[1].id


def test_call_ids_are_unique_even_where_the_model_repeats_its_own(
    model: ScriptedModel, ask: Ask
) -> None:
    model.script(tool_call("a", {}, id="same"), tool_call("a", {}, id="same"))
    assert ask()[1].calls[0].id != ask()[1].calls[0].id


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_stream_cut_anywhere_arrives_whole(
    model: ScriptedModel, ask: Ask, size: int, newline: bytes
) -> None:
    whole = b": a comment\n\n" + event({"role": "assistant", "content": ""})
    whole += event({"content": "Grüße "}) + b": OPENROUTER PROCESSING\n\n"
    whole += event({"content": "👋🏽 aus Zürich"}) + event({}, "stop") + DONE
    whole = whole.replace(b"\n", newline)
    model.script(raw_bytes([whole[at : at + size] for at in range(0, len(whole), size)]))
    assert ask()[1].text == "Grüße 👋🏽 aus Zürich"


def test_a_character_cut_into_two_chunks_arrives_whole_and_a_lost_half_is_marked(
    model: ScriptedModel, ask: Ask
) -> None:
    halves = "👋".encode("utf-16-be")
    first, second = (halves[at : at + 2].decode("utf-16-be", "surrogatepass") for at in (0, 2))
    model.script(text("Hi ", first, second, "!", first))
    chunks, turn = ask()
    assert turn.text == "".join(chunks) == "Hi 👋!\ufffd"


def test_thoughts_count_as_a_first_token_but_are_not_the_answer(
    model: ScriptedModel, ask: Ask
) -> None:
    model.script(reasoning("hm ", "so", then=text("Yes")))
    assert ask()[1].text == "Yes"


TRANSIENT = [
    error(429, "slow down"),
    error(500, "oops"),
    error(503, "busy"),
    error(408, "late"),
    empty(),
    cut_after(),
    cut_after(reset=True),
    error_mid_stream(message="overloaded"),
]


@pytest.mark.parametrize("trouble", TRANSIENT, ids=lambda reply: repr(reply)[:60])
def test_a_transient_failure_before_the_first_token_is_tried_again(
    model: ScriptedModel, ask: Ask, trouble: Reply
) -> None:
    model.script(trouble, trouble, text("At last"))
    assert ask()[1].text == "At last"
    assert len(model.requests) == 3


@pytest.mark.parametrize("trouble", TRANSIENT, ids=lambda reply: repr(reply)[:60])
def test_a_failure_that_stays_is_reported_as_worth_another_try(
    model: ScriptedModel, build: Build, trouble: Reply
) -> None:
    model.script(trouble)
    said, problem = failure(build(attempts=2))
    assert (said, problem.retryable, len(model.requests)) == ("", True, 2)
    assert problem.message.endswith(".")


def test_retry_after_is_kept_to(model: ScriptedModel, build: Build) -> None:
    model.script(error(429, "slow", headers={"Retry-After": "0.2"}), text("ok"))
    # The backoff of its own would be far beyond any test's patience.
    assert ask_all(build(backoff=10_000))[1].text == "ok"


def test_nothing_listening_is_a_transient_failure() -> None:
    nobody = Endpoint("http://127.0.0.1:9/v1")
    said, problem = failure(ModelClient(nobody, ["m"], attempts=2, backoff=0.001))
    assert (said, problem.code, problem.retryable) == ("", "model_connection", True)
    assert "refused" in problem.detail


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (cut_after("Half an "), "model_connection"),
        (cut_after("Half an ", reset=True), "model_connection"),
        (error_mid_stream("Half an ", message="x"), "model_unavailable"),
        (raw_bytes([event({"content": "Half an "})]), "model_cut_off"),
        (raw_bytes([event({"content": "Half an "}), DONE]), "model_cut_off"),
        (raw_bytes([event({"content": "Half an "}) + b"data: {not json\n\n"]), "model_unavailable"),
        (raw_bytes([event({"content": "Half an "}), DEEP]), "model_unavailable"),
        (stall_after("Half an "), "model_timeout"),
    ],
)
def test_after_the_first_token_nothing_is_tried_again_and_what_was_written_stays(
    model: ScriptedModel, build: Build, ending: Reply, code: str
) -> None:
    model.script(ending, text("never asked for"))
    # The first token has to come within that, on a busy machine too.
    said, problem = failure(build(first_token_timeout=3))
    assert (said, problem.code, problem.retryable) == ("Half an ", code, True)
    assert len(model.requests) == 1


def test_a_reply_that_is_declined_is_not_asked_for_again(
    model: ScriptedModel, build: Build
) -> None:
    model.script(text("I", finish_reason="content_filter"))
    said, problem = failure(build())
    assert isinstance(problem, ModelRefused)
    assert (said, problem.code, len(model.requests)) == ("I", "model_declined", 1)


def test_silence_before_the_first_token_is_tried_again_and_then_reported(
    model: ScriptedModel, build: Build
) -> None:
    model.script(stall_before_first(None))
    _, problem = failure(build(first_token_timeout=0.5, attempts=2))
    assert isinstance(problem, ModelUnavailable)
    assert (problem.code, len(model.requests)) == ("model_timeout", 2)
    eventually(lambda: all(request.disconnected.is_set() for request in model.requests))


def test_a_first_chunk_without_a_word_is_a_sign_of_life(model: ScriptedModel, ask: Ask) -> None:
    role = event({"role": "assistant", "content": ""})
    model.script(raw_bytes([*[role] * 4, event({"content": "Yes"}), event({}, "stop")], 1))
    assert ask(attempts=1, first_token_timeout=3)[1].text == "Yes"


def test_silence_after_a_first_chunk_without_a_word_is_tried_again(
    model: ScriptedModel, build: Build
) -> None:
    model.script(stall_after())
    _, problem = failure(build(first_token_timeout=0.5, attempts=2))
    assert (problem.code, len(model.requests)) == ("model_timeout", 2)


def test_comments_do_not_pass_for_a_first_token(model: ScriptedModel, build: Build) -> None:
    model.script(raw_bytes([b": PROCESSING\n\n"] * 1000, pace=0.02))
    _, problem = failure(build(first_token_timeout=0.2, attempts=1))
    assert problem.code == "model_timeout"


@pytest.mark.parametrize("trouble", [error(500, "x"), error(404, "x"), stall_before_first(None)])
def test_the_fallback_model_answers_when_the_first_cannot(
    model: ScriptedModel, ask: Ask, trouble: Reply
) -> None:
    model.script(trouble, text("from the second"))
    assert ask("first", "second", attempts=1, first_token_timeout=2)[1].text == "from the second"
    assert [request.body["model"] for request in model.requests] == ["first", "second"]


def test_a_bad_key_is_not_tried_on_the_fallback_model(model: ScriptedModel, build: Build) -> None:
    model.script(error(401, "no"))
    assert failure(build("first", "second"))[1].code == "model_key"
    assert len(model.requests) == 1


def test_a_reader_that_stops_reading_closes_the_connection(
    model: ScriptedModel, build: Build
) -> None:
    model.script(text(*["word "] * 1000, pace=0.01))
    client = build()
    stream = client.stream(MESSAGES, [])
    assert client.interval.answers == 0
    next(stream)
    assert client.interval.answers == 1
    stream.close()
    assert client.interval.answers == 0
    eventually(model.requests[0].disconnected.is_set)

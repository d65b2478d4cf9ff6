"""One completion: whole whatever the wire does, retried while nothing was said, never after."""

from __future__ import annotations

from collections.abc import Callable

import openai
import pytest

from app.agent.events import Content
from app.agent.messages import Turn
from app.errors import ModelError, ModelRefused, ModelUnavailable
from app.llm.http_transport import ArrivalTransport
from app.llm.openai_chat import Model
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

Ask = Callable[..., tuple[list[str], Turn]]
MESSAGES = [{"role": "user", "content": "Hi"}]
TOO_DEEP = b'data: {"error": ' + 20_000 * b"[" + b"\n\n"
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}


@pytest.fixture(params=[True, False], ids=["as it arrives", "by the client's own transport"])
def llm(request: pytest.FixtureRequest, model: ScriptedModel) -> Callable[..., Model]:
    """Where the environment names a proxy, the client's own transport goes by it."""

    def build(*names: str, **options: float) -> Model:
        mounts = {"all://": ArrivalTransport()} if request.param else {}
        client = openai.OpenAI(
            base_url=model.base_url,
            api_key="k",
            max_retries=0,
            http_client=openai.DefaultHttpxClient(mounts=mounts),
        )
        return Model(client, names or ("first",), **({"backoff": 0.001} | options))  # type: ignore[arg-type]

    return build


@pytest.fixture
def ask(llm: Callable[..., Model]) -> Ask:
    def take(*names: str, **options: float) -> tuple[list[str], Turn]:
        return taken(llm(*names, **options))

    return take


def taken(model: Model) -> tuple[list[str], Turn]:
    chunks: list[str] = []
    stream = model.stream(MESSAGES, [TOOL])
    while True:
        try:
            content: Content = next(stream)
        except StopIteration as end:
            turn: Turn = end.value
            return chunks, turn
        chunks.append(content.chunk)


def failure(model: Model) -> tuple[str, ModelError]:
    """What was said before it failed, and how it failed."""
    said = ""
    try:
        for content in model.stream(MESSAGES, []):
            said += content.chunk
    except ModelError as problem:
        return said, problem
    raise AssertionError(f"it did not fail, and said {said!r}")


def test_text_comes_in_pieces_and_the_turn_has_all_of_it(model: ScriptedModel, ask: Ask) -> None:
    model.script(text("Hello ", "wörld"))
    chunks, turn = ask()
    assert chunks == ["Hello ", "wörld"]
    assert turn.text == "Hello wörld"
    assert turn.usage == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    assert model.requests[0].body["tools"] == [TOOL]
    assert model.requests[0].body["model"] == "first"


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
    model: ScriptedModel, llm: Callable[..., Model], trouble: Reply
) -> None:
    model.script(trouble)
    said, problem = failure(llm(attempts=2))
    assert (said, problem.retryable, len(model.requests)) == ("", True, 2)
    assert problem.message.endswith(".")


def test_retry_after_is_kept_to(model: ScriptedModel, llm: Callable[..., Model]) -> None:
    model.script(error(429, "slow", headers={"Retry-After": "0.2"}), text("ok"))
    # The backoff of its own would be far beyond any test's patience.
    assert taken(llm(backoff=10_000))[1].text == "ok"


def test_nothing_listening_is_a_transient_failure() -> None:
    client = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    said, problem = failure(Model(client, ["m"], attempts=2, backoff=0.001))
    assert (said, problem.code, problem.retryable) == ("", "model_connection", True)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (cut_after("Half an "), "model_connection"),
        (cut_after("Half an ", reset=True), "model_connection"),
        (error_mid_stream("Half an ", message="x"), "model_unavailable"),
        (raw_bytes([event({"content": "Half an "})]), "model_cut_off"),
        (raw_bytes([event({"content": "Half an "}), DONE]), "model_cut_off"),
        (raw_bytes([event({"content": "Half an "}), b"data: {not json\n\n"]), "model_unavailable"),
        (raw_bytes([event({"content": "Half an "}), TOO_DEEP]), "model_unavailable"),
        (stall_after("Half an "), "model_timeout"),
    ],
)
def test_after_the_first_token_nothing_is_tried_again(
    model: ScriptedModel, llm: Callable[..., Model], ending: Reply, code: str
) -> None:
    model.script(ending, text("never asked for"))
    said, problem = failure(llm(first_token_timeout=0.3))
    assert (said, problem.code, problem.retryable) == ("Half an ", code, True)
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("trouble", "code", "advice"),
    [
        (error(401, "no"), "model_key", "OPENAI_API_KEY"),
        (error(403, "no"), "model_key", "OPENAI_API_KEY"),
        (error(404, "no"), "model_unknown", "MODEL"),
        (error(400, "bad"), "model_refused", "MODEL"),
        (error(400, "long", code="context_length_exceeded"), "model_context", "start a new one"),
        (error(429, "pay", code="insufficient_quota"), "model_refused", "credit"),
        (text("I", finish_reason="content_filter"), "model_declined", "declined"),
    ],
)
def test_a_fatal_failure_says_what_to_do_and_is_not_tried_again(
    model: ScriptedModel, llm: Callable[..., Model], trouble: Reply, code: str, advice: str
) -> None:
    model.script(trouble)
    _, problem = failure(llm())
    assert isinstance(problem, ModelRefused)
    assert (problem.code, problem.retryable, len(model.requests)) == (code, False, 1)
    assert advice in problem.message


def test_silence_before_the_first_token_is_tried_again_and_then_reported(
    model: ScriptedModel, llm: Callable[..., Model]
) -> None:
    model.script(stall_before_first(None))
    _, problem = failure(llm(first_token_timeout=0.1, attempts=2))
    assert isinstance(problem, ModelUnavailable)
    assert (problem.code, len(model.requests)) == ("model_timeout", 2)
    eventually(lambda: all(request.disconnected.is_set() for request in model.requests))


def test_comments_do_not_pass_for_a_first_token(
    model: ScriptedModel, llm: Callable[..., Model]
) -> None:
    model.script(raw_bytes([b": PROCESSING\n\n"] * 1000, pace=0.02))
    _, problem = failure(llm(first_token_timeout=0.2, attempts=1))
    assert problem.code == "model_timeout"


@pytest.mark.parametrize("trouble", [error(500, "x"), error(404, "x"), stall_before_first(None)])
def test_the_fallback_model_answers_when_the_first_cannot(
    model: ScriptedModel, ask: Ask, trouble: Reply
) -> None:
    model.script(trouble, text("from the second"))
    assert ask("first", "second", attempts=1, first_token_timeout=0.2)[1].text == "from the second"
    assert [request.body["model"] for request in model.requests] == ["first", "second"]


def test_a_bad_key_is_not_tried_on_the_fallback_model(
    model: ScriptedModel, llm: Callable[..., Model]
) -> None:
    model.script(error(401, "no"))
    assert failure(llm("first", "second"))[1].code == "model_key"
    assert len(model.requests) == 1


def test_a_reader_that_stops_reading_closes_the_connection(
    model: ScriptedModel, llm: Callable[..., Model]
) -> None:
    model.script(text(*["word "] * 1000, pace=0.01))
    client = llm()
    stream = client.stream(MESSAGES, [])
    assert client.pace.answers == 0
    next(stream)
    assert client.pace.answers == 1
    stream.close()
    assert client.pace.answers == 0
    eventually(model.requests[0].disconnected.is_set)

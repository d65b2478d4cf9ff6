"""A model that runs on this machine already, found by asking the usual ports.

Only this machine is asked, and nothing goes through a proxy. A model counts that calls a tool when
it is told to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from app.agent.written_calls import read_written_calls
from app.config import Settings
from app.json_input import parse_json
from scripts.ports import LOOPBACK

_TEMPERATURE = 0.2  # small models call tools more reliably when little is left to chance
SLOW: Mapping[str, float] = {"first_token_timeout": 600, "run_timeout": 900}
"""Settings for a model on the processor of a small machine. Seen with 1.5 billion parameters on a
busy one: 8 tokens a second read, so that the first answer began after 205 seconds."""
_PROGRAMS = {11434: "Ollama", 8080: "llama.cpp", 1234: "LM Studio", 8000: "vLLM"}
_LIST_SECONDS = 1.0
_PROBE_SECONDS = 60.0  # the first question makes many programs load the model
_LOADING_PAUSE = 0.5
_MOST_TRIED = 3
_MOST_BYTES = 1_000_000
_LONGEST_NAME = 200
_NO_CHAT = ("embed", "rerank", "whisper", "tts")
# What the window of a model is called in vLLM's list, and in others'; llama.cpp has it in "meta".
_WINDOW_FIELDS = ("max_model_len", "context_length", "loaded_context_length", "n_ctx")
_MOST_CONTEXT = 10_000_000

_PROBE_TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
}


@dataclass(frozen=True)
class LocalModel:
    """A model, the program that serves it, and its window where the program says."""

    program: str
    base_url: str
    name: str
    context_tokens: int | None = None
    temperature: float = _TEMPERATURE
    times: Mapping[str, float] = field(default_factory=lambda: SLOW)

    def with_settings(self, settings: Settings) -> LocalModel:
        """Return the model with what is set instead of what is usual here."""
        chosen = {name: getattr(settings, name) for name in SLOW.keys() & settings.model_fields_set}
        times = {**SLOW, **chosen}
        if settings.temperature is None:
            return replace(self, times=times)
        return replace(self, times=times, temperature=settings.temperature)

    def settings(self) -> dict[str, str]:
        """Return the environment with which the web app uses the model."""
        settings = {
            "OPENAI_BASE_URL": self.base_url,
            "MODEL": self.name,
            "TEMPERATURE": str(self.temperature),
            **{name.upper(): f"{seconds:g}" for name, seconds in self.times.items()},
        }
        if self.context_tokens is not None:
            settings["CONTEXT_TOKENS"] = str(self.context_tokens)
        return settings


def find_local_model(
    ports: Sequence[int], own: Collection[int], tell: Callable[[str], object] = str
) -> LocalModel | None:
    """Return the first model at these ports that calls a tool. Ports of our own are left out.

    `tell` gets a sentence for each model that is passed over.
    """
    with requests.Session() as session:
        session.trust_env = False
        for port in ports:
            if port in own:
                continue
            for model in _models(session, port):
                if _calls_tools(session, model):
                    return model
                tell(
                    f"{model.name}, which {model.program} serves at {model.base_url}, isn't used:"
                    f" told to call a tool, it didn't, or took over {_PROBE_SECONDS:g} seconds."
                )
    return None


def _models(session: requests.Session, port: int) -> Iterator[LocalModel]:
    """Yield the first few models that a port offers for conversations."""
    program = _PROGRAMS.get(port, f"the server at port {port}")
    base_url = f"http://{LOOPBACK}:{port}/v1"
    answer = _list(session, f"{base_url}/models")
    listed = answer.get("data")
    described = [one for one in listed if _is_for_chat(one)] if isinstance(listed, list) else []
    for one in described[:_MOST_TRIED]:
        yield LocalModel(program, base_url, one["id"], _window(one))


def _list(session: requests.Session, url: str) -> dict[str, Any]:
    """Ask for the list of models, again while the program still loads one, as llama.cpp says."""
    deadline = time.monotonic() + _PROBE_SECONDS
    while True:
        answer = _ask(session, "GET", url, _LIST_SECONDS)
        if not _is_loading(answer) or time.monotonic() > deadline:
            return answer
        time.sleep(_LOADING_PAUSE)


def _is_loading(answer: dict[str, Any]) -> bool:
    error = answer.get("error")
    return isinstance(error, dict) and "loading" in str(error.get("message")).lower()


def _is_for_chat(described: Any) -> bool:
    name = described.get("id") if isinstance(described, dict) else None
    return (
        isinstance(name, str)
        and 0 < len(name) <= _LONGEST_NAME
        and name.isprintable()
        and not any(word in name.lower() for word in _NO_CHAT)
    )


def _window(described: dict[str, Any]) -> int | None:
    meta = described.get("meta")
    known = described | meta if isinstance(meta, dict) else described
    values = (known.get(name) for name in _WINDOW_FIELDS)
    sizes = (value for value in values if type(value) is int and 256 <= value <= _MOST_CONTEXT)
    return next(sizes, None)


def _calls_tools(session: requests.Session, model: LocalModel) -> bool:
    body = {
        "model": model.name,
        "messages": [{"role": "user", "content": "Call the tool add with a=2 and b=3."}],
        "tools": [_PROBE_TOOL],
        "temperature": 0,
        "max_tokens": 500,
    }
    url = f"{model.base_url}/chat/completions"
    answer = _ask(session, "POST", url, _PROBE_SECONDS, json=body)
    return "add" in _called(answer)


def _called(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the name of the tool that an answer calls. Calls that a model writes as text count:
    the app takes them, and Qwen2.5-Coder makes no others at llama.cpp."""
    with suppress(LookupError, TypeError):
        yield answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"]
    with suppress(LookupError, TypeError, AttributeError):
        content = answer["choices"][0]["message"]["content"]
        yield from (call.name for call in read_written_calls(content, {"add"}))


def _ask(
    session: requests.Session, method: str, url: str, seconds: float, **options: Any
) -> dict[str, Any]:
    """Return the JSON object that a server answers in time; an empty one for anything else."""
    answers: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def ask() -> None:
        answers.put(_answer(session, method, url, seconds, **options))

    # The time-out of requests is one for each read, and a head may come in many.
    Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return {}


def _answer(
    session: requests.Session, method: str, url: str, seconds: float, **options: Any
) -> dict[str, Any]:
    try:
        with session.request(
            method,
            url,
            timeout=seconds,
            headers={"Accept-Encoding": "identity"},
            stream=True,
            allow_redirects=False,
            **options,
        ) as response:
            says = response.ok or response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            answer = parse_json(_read(response, seconds)) if says else None
    except (requests.RequestException, HTTPError, OSError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _read(response: requests.Response, seconds: float) -> bytes:
    """Read a body. Raises ValueError if it is too long or takes too long."""
    body, deadline = bytearray(), time.monotonic() + seconds
    while piece := response.raw.read1():
        body += piece
        if len(body) > _MOST_BYTES or time.monotonic() > deadline:
            raise ValueError("too much or too slow")
    return bytes(body)

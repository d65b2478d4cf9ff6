"""Failures of a model's endpoint as this program's errors.

The message says what a person can do. The endpoint's own words go into `detail`, for the operator.
Endpoints agree on the status codes and on little else, so the rest is read leniently.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from app.errors import ContextTooLong, ModelError, ModelRefused, ModelUnavailable
from app.json_input import parse_json
from app.llm.model_limits import ONE_SYSTEM_MESSAGE
from app.texts import later

LONGEST_DETAIL = 500

_REFUSED = "The model's endpoint refused the request: check MODEL and its features."

_TRANSIENT = {408, 409, 425, 429}
_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error"}
_NO_CREDIT = {"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"}
# For endpoints whose codes don't say it.
_TOO_LONG_WORDS = re.compile(r"\bcontext (length|size|window)\b", re.IGNORECASE)
_WINDOW = re.compile(
    r"(?:context (?:length|size|window)|n_ctx)\D{0,60}?(\d[\d,]{2,9})", re.IGNORECASE
)
_NUMBER = re.compile(r"\b\d[\d,]{2,9}\b")
# Templates of models that take one system message, or none after the first turn.
_ONE_SYSTEM_WORDS = re.compile(
    r"roles must alternate|system (message|role|prompt)s? (must|should|can) |one system message",
    re.IGNORECASE,
)
# llama.cpp listens before the model is there.
_LOADING_WORDS = re.compile(r"\bloading (the )?model\b", re.IGNORECASE)
_LOADING_SECONDS = 5.0
_NO_CREDIT_WORDS = re.compile(r"\b(quota|billing|credits?|balance)\b", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+")  # often to a billing page, whatever the problem is


@dataclass(frozen=True)
class Problem:
    """What an endpoint said about a failure; `status` is None where it gave no HTTP status.

    `window` and `sent` are the tokens that the model takes and that it got, in llama.cpp's fields.
    """

    words: str
    codes: frozenset[str] = frozenset()
    status: int | None = None
    window: int | None = None
    sent: int | None = None

    @classmethod
    def read(cls, text: str | bytes, status: int | None = None) -> Problem:
        """Find the words and the codes in JSON of any of the usual shapes, or in other text."""
        try:
            body = parse_json(text)
        except ValueError:
            body = text if isinstance(text, str) else text.decode(errors="replace")
        inner = (body.get("error") or body) if isinstance(body, dict) else body
        if not isinstance(inner, dict):
            return cls(_text(inner), status=status)
        codes = frozenset(str(inner[key]) for key in ("code", "type") if inner.get(key))
        status = status or _status_in(inner.get("code"))
        counts = _count(inner.get("n_ctx")), _count(inner.get("n_prompt_tokens"))
        return cls(_words(inner), codes, status, *counts)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 < value < 10**9 else None


def _words(error: dict[str, Any]) -> str:
    said = _text(error.get("message") or error.get("detail") or error)
    # Routers put the words of the provider behind them beside their own.
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f"{said}: {_text(raw)}" if raw else said


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _status_in(code: Any) -> int | None:
    """Return the HTTP status that some endpoints send as an error's code."""
    return int(code) if re.fullmatch("[45][0-9][0-9]", str(code)) else None


def one_line(text: str) -> str:
    """Shorten a text for one line of a log."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST_DETAIL])
    return " ".join(printable.split())[:LONGEST_DETAIL]


def _from_problem(problem: Problem, retry_after: float | None = None) -> ModelError:
    """Return the error for what an endpoint said."""
    detail = one_line(f"{problem.status or ''} {problem.words}")
    status = problem.status
    if _ONE_SYSTEM_WORDS.search(problem.words):
        return ModelRefused(_REFUSED, code=ONE_SYSTEM_MESSAGE, detail=detail)
    if status == 503 and _LOADING_WORDS.search(problem.words):
        return ModelUnavailable(
            later("The model is still being loaded. Try again in a minute."),
            detail=detail,
            retry_after=retry_after or _LOADING_SECONDS,
        )
    if status is None or status >= 500 or (status in _TRANSIENT and not _has_no_credit(problem)):
        return ModelUnavailable(_transient(status), detail=detail, retry_after=retry_after)
    if _is_too_long(problem):
        return _too_long(problem, detail)
    message, code = _refusal(problem)
    return ModelRefused(message, code=code, detail=detail)


def _transient(status: int | None) -> str:
    """Return the message for a failure that may pass by itself."""
    if status is None:
        return "The model's endpoint failed in mid-answer. Try again in a moment."
    if status == 429:
        return "The model is busy (too many requests). Try again in a moment."
    return f"The model's endpoint has trouble (status {status}). Try again in a moment."


def _refusal(problem: Problem) -> tuple[str, str]:
    """Return the message and the code for a failure that will not pass by itself."""
    if problem.status in (401, 403):
        return "The model's endpoint refused the key: check OPENAI_API_KEY.", "model_key"
    if _has_no_credit(problem):
        return "The account at the model's endpoint has no credit left.", "model_refused"
    if "content_filter" in problem.codes:
        return "The model declined to answer this.", "model_declined"
    if problem.status == 404:
        return (
            "The endpoint doesn't know this model: check MODEL and OPENAI_BASE_URL.",
            "model_unknown",
        )
    return _REFUSED, "model_refused"


def _is_too_long(problem: Problem) -> bool:
    if problem.status in (401, 403) or _has_no_credit(problem):
        return False
    return bool(problem.codes & _TOO_LONG or _TOO_LONG_WORDS.search(problem.words))


def _too_long(problem: Problem, detail: str) -> ContextTooLong:
    """Return the error with the numbers that the endpoint gives, in fields or in its words."""
    window, sent = problem.window, problem.sent
    if window is None and (named := _WINDOW.search(problem.words)):
        window = _number(named[1])
        others = map(_number, _NUMBER.findall(problem.words))
        sent = next((other for other in others if other > window), None)
    return ContextTooLong(
        later(
            "This conversation is too long for the model: "
            "ask for less at a time, or start a new one."
        ),
        detail=detail,
        window=window,
        sent=sent,
    )


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _has_no_credit(problem: Problem) -> bool:
    words = _LINK.sub("", problem.words)
    return problem.status == 402 or bool(
        problem.codes & _NO_CREDIT or (problem.status == 429 and _NO_CREDIT_WORDS.search(words))
    )


def from_status(error: openai.APIStatusError) -> ModelError:
    """Return the error for a response whose status says that it failed."""
    asked = error.response.headers.get("retry-after", "")
    retry_after = float(asked) if asked.replace(".", "", 1).isdecimal() else None
    return _from_problem(Problem.read(error.response.text, error.status_code), retry_after)


def from_text(text: str | bytes) -> ModelError:
    """Return the error for what an endpoint sent instead of a reply, or of a part of it."""
    return _from_problem(Problem.read(text))


def unreadable(problem: object) -> ModelError:
    """Return the error for something that is no part of a reply."""
    return _from_problem(Problem(f"unreadable: {problem}"))


def from_transport(error: Exception) -> ModelError:
    """Return the error for a connection that failed or a response that could not be read."""
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    detail = one_line(str(cause or error))
    if isinstance(cause, httpx2.DecodingError):
        return ModelRefused(
            "The model's endpoint compresses its answers, although it was asked not to: check"
            " OPENAI_BASE_URL and any proxy before it.",
            code="model_encoding",
            detail=detail,
        )
    if isinstance(cause, httpx2.TimeoutException):
        return ModelUnavailable(
            later("The model stopped sending."), code="model_timeout", detail=detail
        )
    return ModelUnavailable(
        later("The connection to the model's endpoint failed."),
        code="model_connection",
        detail=detail,
    )

"""Ask a running Homestream over its API, as a person of its own, and take what it did."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import requests

from scripts.evals.cases import Case
from scripts.evals.scores import Answer, Call

_CONNECT_SECONDS = 10.0
# The app pings more often than that while an answer is written.
_SILENCE_SECONDS = 120.0


class Asker:
    """Somebody with an account at `url`. Approvals are declined, so nothing is ever done."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        # Don't go through a proxy that the environment names: the app is on this machine.
        self._session.trust_env = False
        self.email = f"evaluation-{secrets.token_hex(6)}@example.com"
        person = {
            "name": "Evaluation",
            "email": self.email,
            "password": secrets.token_urlsafe(24),
        }
        answer = self._post("/auth/signup", person)
        self._session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def ask(self, case: Case) -> Answer:
        """Ask the case's questions in one conversation, and return the answer to the last."""
        conversation_id = None
        answer = Answer((), "")
        for question in case.questions:
            began = time.monotonic()
            body = {"userMessage": question, "conversationId": conversation_id}
            events = list(self._events(body))
            conversation_id = next(
                (data["conversationId"] for name, data in events if name == "run"), None
            )
            answer = _answer(events, time.monotonic() - began)
            if answer.problem:
                break
        return answer

    def _events(self, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        timeout = (_CONNECT_SECONDS, _SILENCE_SECONDS)
        url = f"{self._url}/agents/chat-stream"
        with self._session.post(url, json=body, stream=True, timeout=timeout) as response:
            response.raise_for_status()
            name = ""
            for line in response.iter_lines():
                field, _, value = line.decode().partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name:
                    data = json.loads(value)
                    if name == "approval":
                        self._post(data["url"], {"decision": "decline"})
                    yield name, data

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self._session.post(self._url + path, json=body, timeout=_SILENCE_SECONDS)
        response.raise_for_status()
        data: dict[str, Any] = response.json()
        return data


def _answer(events: list[tuple[str, dict[str, Any]]], seconds: float) -> Answer:
    calls = {
        data["id"]: Call(data["name"], data["arguments"]) for name, data in events if name == "tool"
    }
    text = ""
    problem = "the stream ended early"
    usage: dict[str, int] = {}
    for name, data in events:
        if name == "content":
            text = data["chunk"] if data.get("replace") else text + data["chunk"]
        elif name == "error":
            problem = data["message"]
        elif name == "done":
            usage = data.get("usage") or {}
            if data["status"] == "completed":
                problem = ""
    return Answer(
        tuple(calls.values()),
        text,
        seconds,
        usage.get("prompt_tokens", 0),
        usage.get("completion_tokens", 0),
        problem,
    )

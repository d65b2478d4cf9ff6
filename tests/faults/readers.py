"""Readers who ask over the API and put the answer together from whatever connections they get."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
from gevent import sleep

from tests.faults.cluster import Cluster
from tests.support.product import PASSWORD, Stream

# A question that was sent is waited for: nobody knows what becomes of one that was given up.
TIMEOUTS = (2, 20)
BACK_SECONDS = 0.3
"""After this time a reader whose connection broke tries again; the page's script does the same."""


class Gone(Exception):
    """This connection is no good; another one may be."""


@dataclass
class Account:
    name: str
    headers: dict[str, str]

    @classmethod
    def sign_up(cls, cluster: Cluster, name: str) -> Account:
        fields = {"name": name, "email": f"{name}@example.com", "password": PASSWORD}
        answer = requests.post(f"{cluster.nodes[0].url}/auth/signup", json=fields, timeout=60)
        answer.raise_for_status()
        return cls(name, {"Authorization": f"Bearer {answer.json()['access_token']}"})


@dataclass
class Reader:
    """One question, read to the end of its answer, over as many connections as it takes."""

    cluster: Cluster
    account: Account
    question: str
    node: int
    text: str = ""
    run_id: str = ""
    status: str = ""
    connections: int = 0
    retries: int = 0
    refused: int = 0
    anew: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What failed on the way, of connections and of tool calls."""
    came: list[tuple[float, int]] = field(default_factory=list)
    """When text came (monotonic), and how much of the answer there was then."""
    _last_id: int = 0
    _stream: Stream | None = None

    def read(self) -> None:
        """Until the answer is complete; an answer that failed and may be tried again is."""
        while self.status != "completed":
            try:
                self._read_on(self._open())
            except (requests.RequestException, Gone, OSError) as error:
                self.failures.append(f"{self.connections}: {error!r:.120}")
                sleep(BACK_SECONDS * random.uniform(0.7, 1.3))  # noqa: S311
                self.node = 1 - self.node
            finally:
                self._close()

    @property
    def disturbed(self) -> bool:
        """Whether it took more than one connection, or more than one worker."""
        return self.connections > 1 or self.anew > 0

    def drop(self) -> None:
        """Lose the connection, as by a network that fails."""
        if self._stream is not None:
            # Whoever reads it notices; it can't be closed while it is being read.
            body: Any = self._stream.response.raw
            with suppress(OSError, AttributeError):
                body._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()

    def _url(self, path: str) -> str:
        return self.cluster.nodes[self.node].url + path

    def _open(self) -> Stream:
        self.connections += 1
        if self.status == "failed":
            self._try_again()
        if not self.run_id:
            body = {"userMessage": self.question}
            headers = {"Idempotency-Key": self.question}
            return self._checked("POST", "/agents/chat-stream", json=body, headers=headers)
        headers = {"Last-Event-ID": str(self._last_id)} if self._last_id else {}
        return self._checked("GET", f"/agents/chat-stream/{self.run_id}", headers=headers)

    def _checked(self, method: str, path: str, **options: Any) -> Stream:
        headers = self.account.headers | options.pop("headers", {})
        response = requests.request(
            method, self._url(path), headers=headers, stream=True, timeout=TIMEOUTS, **options
        )
        if not response.ok:
            self.refused += 1
            response.close()
            raise Gone(f"{response.status_code}")
        self._stream = Stream(response)
        return self._stream

    def _try_again(self) -> None:
        """What the Retry button does."""
        answer = requests.post(
            self._url(f"/runs/{self.run_id}/retry"),
            headers=self.account.headers | {"Accept": "application/json"},
            timeout=TIMEOUTS,
        )
        if answer.status_code != 201:
            self.refused += 1
            raise Gone(f"{answer.status_code}")
        self.retries += 1
        self.run_id = answer.json()["runId"]
        self.status, self.text, self._last_id = "", "", 0

    def _read_on(self, stream: Stream) -> None:
        for message in stream:
            if message.id is not None:
                self._last_id = message.id
            if message.event == "run":
                self.run_id = message.json["runId"]
            elif message.event == "content":
                replaces = bool(message.json.get("replace"))
                self.anew += replaces
                self.text = message.json["chunk"] if replaces else self.text + message.json["chunk"]
                self.came.append((time.monotonic(), len(self.text)))
            elif message.event == "tool" and message.json["status"] == "failed":
                self.failures.append(f"{message.json['id']}: {message.json['error']}")
            elif message.event == "error":
                self.errors.append(message.json)
            elif message.event == "done":
                self.status = message.json["status"]
                return
        raise Gone("the stream ended")

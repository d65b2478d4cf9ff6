"""A scripted model for measurements: many slow streams for little CPU.

One loop sends each stream's next token when it is due, and records when it sent the first one.

`POST /v1/chat/completions` streams; `#NUMBER` in the question names it in the record.
`POST /settings` `{"tokens", "interval"}` is for the requests to come, and empties the record.
`GET /record` returns the record.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bench.answer_text import answer_tokens

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_NUMBER = re.compile(rb"#(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


@dataclass(slots=True)
class Peer:
    """A connection: its request so far, and its answer. `unsent` is what the socket didn't take."""

    sock: socket.socket
    request: bytearray = field(default_factory=bytearray)
    pieces: list[bytes] = field(default_factory=list)
    sent: int = 0
    due: float = 0.0
    interval: float = 0.0
    unsent: bytes = b""
    number: int | None = None


class Upstream:
    """The server, on a port of loopback."""

    def __init__(self, port: int) -> None:
        self._peers: dict[int, Peer] = {}
        self._due: deque[Peer] = deque()
        self._poll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self._poll.register(self._listener, select.EPOLLIN)
        self.port = self._listener.getsockname()[1]
        self._set(200, 0.02)

    def _set(self, count: int, interval: float) -> None:
        self._interval = interval
        self._answer = [_chunk(_token(token)) for token in answer_tokens(count)]
        self._answer.append(_chunk(_end(count)) + b"0\r\n\r\n")
        self._asked: dict[int, float] = {}
        self._first: dict[int, float] = {}
        self._delays: list[float] = []

    def serve(self) -> None:
        while True:
            now = time.monotonic()
            while self._due and self._due[0].due <= now:
                self._send_next(self._due.popleft(), now)
            wait = max(self._due[0].due - time.monotonic(), 0) if self._due else -1
            for number, events in self._poll.poll(wait):
                self._handle(number, events)

    def _handle(self, number: int, events: int) -> None:
        peer = self._peers.get(number)
        if peer is None:
            self._accept()
        elif events & select.EPOLLOUT and peer.unsent:
            self._write(peer, b"")
        elif events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self._read(peer)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[sock.fileno()] = Peer(sock)
        self._poll.register(sock, select.EPOLLIN)

    def _read(self, peer: Peer) -> None:
        try:
            chunk = peer.sock.recv(65536)
        except OSError:
            chunk = b""
        if not chunk:
            self._close(peer)
            return
        peer.request += chunk
        head, found, body = bytes(peer.request).partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if found and len(body) >= int(length[1] if length else 0):
            peer.request.clear()
            self._respond(peer, head, body)

    def _respond(self, peer: Peer, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /record"):
            self._write(peer, _json(self._record()))
        elif head.startswith(b"POST /settings"):
            settings = json.loads(body)
            self._set(settings["tokens"], settings["interval"])
            self._write(peer, _json({}))
        else:
            self._begin(peer, body)

    def _begin(self, peer: Peer, body: bytes) -> None:
        now = time.monotonic()
        numbers = _NUMBER.findall(body)
        peer.number = int(numbers[-1]) if numbers else None
        if peer.number is not None:
            self._asked[peer.number] = now
        peer.pieces, peer.sent, peer.interval = self._answer, 0, self._interval
        peer.due = now + peer.interval
        self._write(peer, _HEAD)
        self._due.append(peer)

    def _send_next(self, peer: Peer, now: float) -> None:
        if peer.sock.fileno() < 0:
            return
        if peer.sent == 0 and peer.number is not None:
            self._first[peer.number] = now
            self._delays.append(now - peer.due)
        self._write(peer, peer.pieces[peer.sent])
        peer.sent += 1
        if peer.sent < len(peer.pieces):
            # All intervals are the same, so the queue stays in order of time.
            peer.due += peer.interval
            self._due.append(peer)

    def _write(self, peer: Peer, data: bytes) -> None:
        data = peer.unsent + data
        try:
            sent = peer.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(peer)
            return
        if sent < len(data) or peer.unsent:
            wanted = select.EPOLLIN | (select.EPOLLOUT if sent < len(data) else 0)
            self._poll.modify(peer.sock, wanted)
        peer.unsent = data[sent:]

    def _close(self, peer: Peer) -> None:
        if peer.sock.fileno() >= 0:
            self._peers.pop(peer.sock.fileno(), None)
            self._poll.unregister(peer.sock)
            peer.sock.close()

    def _record(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "asked": self._asked,
            "first": self._first,
            "late": self._delays,
            "cpu": used.ru_utime + used.ru_stime,
        }


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(**values: Any) -> bytes:
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "scripted",
        "system_fingerprint": None,
        **values,
    }
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


def _token(text: str) -> bytes:
    delta = {"content": text}
    return _event(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])


def _end(count: int) -> bytes:
    usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}
    last = _event(choices=[{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    return last + _event(choices=[], usage=usage) + b"data: [DONE]\n\n"


def _json(value: Any) -> bytes:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    upstream = Upstream(parser.parse_args().port)
    print(f"listening on {upstream.port}", flush=True)
    upstream.serve()


if __name__ == "__main__":
    main()

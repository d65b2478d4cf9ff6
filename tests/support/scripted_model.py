"""A scripted model: a real HTTP server on loopback that sends one scripted reply for each request.

It speaks the chat completions protocol, always streaming, and breaks it on demand. Use it in a
process patched by gevent::

    with ScriptedModel() as model:
        model.script(error(429, "slow down", headers={"Retry-After": "0"}), text("Hello ", "world"))
        ...  # point a client at model.base_url
        assert model.requests[0].body["stream"] is True

or start it alone, driven by markers in the user's message (see `by_marker`)::

    python -m tests.support.scripted_model --port 8004
"""

from __future__ import annotations

import argparse
import itertools
import json
import struct
from contextlib import suppress
from http.client import parse_headers
from typing import Any

import gevent
from gevent import socket
from gevent.server import StreamServer

from tests.support.scripted_replies import (
    DONE,
    HEAD,
    USAGE,
    Chosen,
    Completion,
    Failure,
    RawBytes,
    RecordedRequest,
    Reply,
    Whole,
    by_marker,
    call,
    cut_after,
    empty,
    endless,
    error,
    error_mid_stream,
    event,
    raw_bytes,
    reasoning,
    reply,
    sse,
    stall_after,
    stall_before_first,
    text,
    tool_call,
    tool_calls,
    whole,
)

__all__ = [
    "DONE",
    "Chosen",
    "Completion",
    "Failure",
    "RawBytes",
    "RecordedRequest",
    "Reply",
    "ScriptedModel",
    "Whole",
    "by_marker",
    "call",
    "cut_after",
    "empty",
    "endless",
    "error",
    "error_mid_stream",
    "event",
    "raw_bytes",
    "reasoning",
    "reply",
    "stall_after",
    "stall_before_first",
    "text",
    "tool_call",
    "tool_calls",
    "whole",
]


class ScriptedModel:
    """The server. Replies come in the order scripted; the last one answers all later requests."""

    def __init__(self, port: int = 0) -> None:
        self._open: set[socket.socket] = set()
        self.reset()
        self._server = StreamServer(("127.0.0.1", port), self._serve)

    def __enter__(self) -> ScriptedModel:
        self._server.start()
        # As model servers do. Else a token may wait for 40 ms behind the one before.
        self._server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(timeout=0)

    @property
    def base_url(self) -> str:
        """Where a client finds it."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def reset(self) -> None:
        """Be as new, and end the replies that are still being sent."""
        self.requests: list[RecordedRequest] = []
        self.stalled = False  # while True, every reply stands still
        self.let_go: set[str] = set()  # the words whose replies are no longer held
        self._replies: list[Reply] = [text("Hello ", "world")]
        self.cut()

    def script(self, *replies: Reply) -> None:
        """Set the replies to send from now on, one for each request."""
        self._replies = list(replies)

    def wait_until_free(self) -> None:
        """Serve until the process is told to end."""
        self._server.serve_forever()

    def _serve(self, sock: socket.socket, _address: tuple[str, int]) -> None:
        record = _read_request(sock)
        if not record:
            return
        if record.method == "GET":
            seen = [_summary(one) for one in self.requests]
            sock.sendall(_json_response(200, {"requests": seen}))
            return
        if record.path.endswith("/go"):
            self.let_go.add(record.body)
            sock.sendall(_json_response(200, {}))
            return
        self.requests.append(record)
        watcher = gevent.spawn(_watch, sock, record)
        self._open.add(sock)
        try:
            _play(self._next_reply(record), _Wire(self, sock, record))
        except OSError:
            record.note_disconnect()
        finally:
            self._open.remove(sock)
            watcher.kill()

    def cut(self) -> None:
        """Close every connection, in the middle of whatever it carries."""
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _next_reply(self, record: RecordedRequest) -> Reply:
        chosen = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        while isinstance(chosen, Chosen):
            chosen = chosen.choose(record)
        return chosen


def _summary(record: RecordedRequest) -> dict[str, Any]:
    return {
        "path": record.path,
        "headers": record.headers,
        "body": record.body,
        "disconnected": record.disconnected.is_set(),
        "finished": record.finished.is_set(),
    }


def _read_request(sock: socket.socket) -> RecordedRequest | None:
    with sock.makefile("rb") as stream:
        words = stream.readline().decode("latin-1").split()
        if len(words) != 3:
            return None
        headers = {key.lower(): value for key, value in parse_headers(stream).items()}
        raw = stream.read(int(headers.get("content-length", 0)))
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        body = raw.decode("latin-1")
    return RecordedRequest(words[0], words[1], headers, body)


def _watch(sock: socket.socket, record: RecordedRequest) -> None:
    """Note when the client closes its connection; it has nothing more to send."""
    try:
        while sock.recv(4096):
            pass
    except OSError:
        pass
    record.note_disconnect()


class _Wire:
    """The response to one client. Raises ConnectionError once the client has gone."""

    def __init__(self, model: ScriptedModel, sock: socket.socket, record: RecordedRequest) -> None:
        self.model = model
        self.sock = sock
        self.record = record

    def pause(self, seconds: float | None) -> None:
        gevent.sleep(0)
        gone = self.record.disconnected
        while self.model.stalled and not gone.is_set():
            gevent.sleep(0.05)
        # gevent can lose a waiter that comes between an event's set() and its other waiters' turn.
        if gone.is_set() or gone.wait(seconds):
            raise ConnectionError("the client has gone")

    def hold(self, word: str) -> None:
        while word not in self.model.let_go:
            self.pause(0.02)

    def send(self, piece: bytes) -> None:
        self.sock.sendall(piece)

    def chunk(self, piece: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(piece), piece))

    def finish(self, piece: bytes) -> None:
        """Send the last bytes. A client that closes after them has not left early."""
        self.send(piece)
        self.record.finished.set()

    def drop(self, reset: bool) -> None:
        """Close the connection in the middle of a chunk."""
        self.send(b'40\r\ndata: {"cho')
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.record.finished.set()


def _play(chosen: Reply, wire: _Wire) -> None:
    match chosen:
        case Failure():
            wire.finish(_json_response(chosen.status, _error_body(chosen), chosen.headers))
        case Whole():
            wire.finish(_response(chosen.status, chosen.body, chosen.content_type, chosen.headers))
        case RawBytes():
            _play_raw(chosen, wire)
        case Completion():
            _play_stream(chosen, wire)


def _play_raw(chosen: RawBytes, wire: _Wire) -> None:
    wire.send(_STREAM_HEAD)
    for piece in chosen.pieces:
        wire.pause(chosen.pace)
        wire.chunk(piece)
    wire.finish(b"0\r\n\r\n")


def _play_stream(chosen: Completion, wire: _Wire) -> None:
    wire.send(_STREAM_HEAD)
    wire.pause(chosen.first_delay)
    wire.chunk(event({"role": "assistant", "content": ""}))
    half = 0 if chosen.first_delay else len(chosen.deltas) // 2
    deltas = itertools.cycle(chosen.deltas) if chosen.forever else chosen.deltas
    for number, delta in enumerate(deltas):
        if chosen.held and number == half:
            wire.hold(chosen.held)
        wire.chunk(event(delta))
        wire.pause(chosen.pace)
    _end(chosen, wire)


def _end(chosen: Completion, wire: _Wire) -> None:
    match chosen.ending:
        case "stall":
            wire.pause(None)
        case "cut" | "reset":
            wire.drop(chosen.ending == "reset")
        case "error":
            problem = sse({"error": {"message": chosen.message, "type": "server_error"}})
            wire.finish(_closing(problem))
        case "done":
            wire.finish(_closing(_last_events(chosen, wire.record.body)))


def _last_events(chosen: Completion, body: Any) -> bytes:
    events = event({}, chosen.finish_reason)
    if chosen.usage and (body.get("stream_options") or {}).get("include_usage"):
        counts = {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
        events += sse(counts)
    return events + DONE


def _closing(piece: bytes) -> bytes:
    # In one write with the end of the body: a client may hang up as soon as it reads [DONE].
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(piece), piece)


def _error_body(failure: Failure) -> dict[str, Any]:
    kind = "server_error" if failure.status >= 500 else "invalid_request_error"
    return {
        "error": {"message": failure.message, "type": kind, "param": None, "code": failure.code}
    }


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)


def _json_response(status: int, body: Any, headers: dict[str, str] | None = None) -> bytes:
    return _response(status, json.dumps(body).encode(), "application/json", headers or {})


def _response(status: int, content: bytes, content_type: str, headers: dict[str, str]) -> bytes:
    fields = {"Content-Type": content_type, "Content-Length": len(content), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}Connection: close\r\n\r\n".encode() + content


def main() -> None:
    """Serve by markers until interrupted.

    `GET /requests` lists the requests, `POST /go` lets the replies go on that its body holds.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    model = ScriptedModel(parser.parse_args().port)
    model.script(reply(by_marker))
    with model:
        print(f"listening on {model.base_url}", flush=True)
        model.wait_until_free()


if __name__ == "__main__":
    main()

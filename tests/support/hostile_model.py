"""A model's endpoint that sends too much, as fast as it can: in a process of its own, since one
that shares its reader's process could never be faster than that.

The last word of the question says what it sends; see ATTACKS. Anything else is answered steadily,
one word every 20 ms.
"""

from __future__ import annotations

import gzip
import itertools
import json
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from tests.support.scripted_replies import DONE, event

STEADY = [f"word{number} " for number in range(60)]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
_BEGUN = _HEAD + b"\r\n" + event({"content": "It begins. "})
_MEGABYTE = 1_000_000


def _for_ever(piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece * (_MEGABYTE // len(piece) + 1))


def _calls(index: Iterable[int], arguments: str) -> Iterator[bytes]:
    for number in index:
        function = {"name": "find", "arguments": arguments}
        yield event({"tool_calls": [{"index": number, "function": function}]})


def _bomb() -> Iterator[bytes]:
    packed = gzip.compress(event({"content": "Boom"}) + 50 * _MEGABYTE * b" ")
    yield _HEAD + b"Content-Encoding: gzip\r\n\r\n" + packed


ATTACKS: dict[str, Callable[[], Iterable[bytes]]] = {
    "text": lambda: itertools.chain([_BEGUN], _for_ever(event({"content": "word "}))),
    "thoughts": lambda: itertools.chain([_BEGUN], _for_ever(event({"reasoning_content": "hm "}))),
    "comments": lambda: itertools.chain([_BEGUN], _for_ever(b": processing\n\n")),
    "line": lambda: [_BEGUN, b'data: {"choices": "', *[_MEGABYTE * b"x"] * 100, b'"}\n\n'],
    "lines": lambda: itertools.chain([_BEGUN], _for_ever(b"data:\n")),
    "bytes": lambda: itertools.chain([_BEGUN, b"data: "], itertools.repeat(b"x")),
    "calls": lambda: itertools.chain([_BEGUN], _calls(itertools.count(), "{}")),
    "arguments": lambda: itertools.chain([_BEGUN], _calls(itertools.repeat(0), 9_000 * "x")),
    "bomb": _bomb,
    "headers": lambda: itertools.chain([_HEAD, b"X: "], _for_ever(b"x")),
    "failure": lambda: itertools.chain([b"HTTP/1.1 400 No\r\n\r\n"], _for_ever(b"no ")),
}


def _steady() -> Iterator[bytes]:
    yield _HEAD + b"\r\n"
    for word in STEADY:
        yield event({"content": word})
        time.sleep(0.02)
    yield event({}, "stop") + DONE


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        length = 0
        while line := self.rfile.readline().strip():
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        asked = self.rfile.read(length)
        word = str(json.loads(asked)["messages"][-1]["content"]).rpartition(" ")[2] if asked else ""
        try:
            for piece in ATTACKS.get(word, _steady)():
                self.wfile.write(piece)
        except OSError:
            return


class HostileModel:
    """The endpoint in its own process."""

    def __enter__(self) -> HostileModel:
        command = [sys.executable, "-m", "tests.support.hostile_model"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Serve until standard input ends, which it does however the starting process ends."""
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()

"""Readers for measurements: one loop follows many streams, so that they take little CPU.

Each reader has its own connection. It asks one question at its time, follows the answer to the end
and keeps every byte. What the bytes mean is looked into after the measurement.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.answer_text import FIRST

_FIRST = FIRST.encode()
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
# What is sent once the answer is written: its texts with marked figures, then what stands below it.
_ENDING = re.compile(
    rb"(?:event: swap\n(?:data: [^\n]*\n)+\n)*event: foot\n(?:id: \d+\n)?"
    rb'data: <div class="foot (?!running)'
)
_DONE = re.compile(rb"event: ?done\b|data: \[DONE\]")

Ask = Callable[["Reader"], bytes]
"""Returns the request that asks a reader's question."""
Follow = Callable[["Reader", bytes], bytes]
"""Returns the request that follows the answer, from the reply to the question."""


@dataclass
class Reader:
    """One question and its answer; times are in seconds on the monotonic clock, 0 for never.

    Without `follow`, the reply to the question is the stream itself. `reads` counts how many times
    bytes arrived.
    """

    number: int
    ask: Ask
    follow: Follow | None
    sock: socket.socket | None = None
    chunks: list[bytes] = field(default_factory=list)
    streaming: bool = False
    asked_at: float = 0.0
    first_at: float = 0.0
    done_at: float = 0.0
    refused_at: float = 0.0
    status: int = 0
    reads: int = 0

    @property
    def received(self) -> bytes:
        """Bytes of the stream as they arrived, with its headers and chunk sizes."""
        return b"".join(self.chunks)

    @property
    def body(self) -> bytes:
        """Content of the stream."""
        _, _, rest = self.received.partition(b"\r\n\r\n")
        parts = []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            parts.append(rest[:length])
            rest = rest[length + 2 :]
        return b"".join(parts)

    @property
    def ending(self) -> bytes:
        """Content of the stream from where the product's answer is written; b"" before that."""
        body = self.body
        found = _ENDING.search(body)
        return body[found.start() :] if found else b""


class ReaderLoop:
    """Runs readers, whose questions are evenly spread over `ramp` seconds.

    `most_open` is how many were open at once, `delays` how many seconds late each one began.
    """

    def __init__(self, address: tuple[str, int], readers: Sequence[Reader], ramp: float) -> None:
        self.readers = readers
        self.most_open = 0
        self.delays: list[float] = []
        self._address = address
        self._step = ramp / len(readers)
        self._poll = select.epoll()
        self._open: dict[int, Reader] = {}

    def run(self, patience: float, watch: Callable[[], None] = lambda: None) -> None:
        """Run until all readers have ended, or for `patience` seconds.

        Calls `watch` twice a second.
        """
        began = watched = time.monotonic()
        waiting = list(reversed(self.readers))
        while (waiting or self._open) and (now := time.monotonic()) <= began + patience:
            while waiting and (late := now - began - waiting[-1].number * self._step) >= 0:
                self.delays.append(late)
                self._begin(waiting.pop())
            if now > watched + 0.5:
                watched = now
                watch()
            pause = 0.5
            if waiting:
                pause = min(began + waiting[-1].number * self._step - now, pause)
            for number, _ in self._poll.poll(max(pause, 0)):
                self._read(self._open[number])
        for reader in list(self._open.values()):
            self._close(reader)

    def _begin(self, reader: Reader) -> None:
        reader.sock = socket.create_connection(self._address)
        reader.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader.sock.setblocking(False)
        self._open[reader.sock.fileno()] = reader
        self.most_open = max(self.most_open, len(self._open))
        self._poll.register(reader.sock, select.EPOLLIN)
        reader.asked_at = time.monotonic()
        reader.streaming = reader.follow is None
        reader.sock.send(reader.ask(reader))

    def _read(self, reader: Reader) -> None:
        assert reader.sock is not None  # noqa: S101
        try:
            chunk = reader.sock.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._close(reader)
            return
        reader.chunks.append(chunk)
        reader.reads += 1
        if reader.streaming:
            self._take_chunk(reader, chunk)
        else:
            self._take_reply(reader)

    def _take_chunk(self, reader: Reader, chunk: bytes) -> None:
        if not reader.first_at and _FIRST in chunk:
            reader.first_at = time.monotonic()
        if reader.status == 0:
            reader.status = int(chunk[9:12])
            if reader.status != 200:
                self._close(reader)
                return
        # The mark of the end may be cut in two. It is never cut in three.
        if _DONE.search(chunk) or _DONE.search(b"".join(reader.chunks[-2:])):
            reader.done_at = time.monotonic()
            self._close(reader)

    def _take_reply(self, reader: Reader) -> None:
        """Once the reply to the question is complete, follow the answer."""
        head, found, body = reader.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(body) < int(length[1] if length else 0):
            return
        status = int(head[9:12])
        if status >= 400 or reader.follow is None or reader.sock is None:
            reader.status, reader.refused_at = status, time.monotonic()
            self._close(reader)
            return
        reader.chunks.clear()
        reader.streaming = True
        reader.sock.send(reader.follow(reader, body))

    def _close(self, reader: Reader) -> None:
        if reader.sock is not None and reader.sock.fileno() >= 0:
            self._open.pop(reader.sock.fileno(), None)
            self._poll.unregister(reader.sock)
            reader.sock.close()

"""Readers for measuring: many streams followed by one loop, for little CPU.

Each reader has a connection of its own, asks one question at its time, follows the answer to its
end and keeps every byte with the time it came. What they mean is looked into afterwards.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.answers import FIRST

_FIRST = FIRST.encode()
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_DONE = re.compile(rb"event: ?done\b|data: \[DONE\]")

Ask = Callable[["Reader"], bytes]
"""The request that asks a reader's question."""
Follow = Callable[["Reader", bytes], bytes]
"""The request that follows the answer, by the reply to the question."""


@dataclass
class Reader:
    """One question and what came of it; times are on the monotonic clock, in seconds."""

    number: int
    ask: Ask
    subscribe: Follow | None
    sock: socket.socket | None = None
    got: list[bytes] = field(default_factory=list)
    streaming: bool = False
    asked_at: float = 0.0
    first_at: float = 0.0
    done_at: float = 0.0
    refused_at: float = 0.0
    status: int = 0
    reads: int = 0

    @property
    def received(self) -> bytes:
        """The stream's bytes as they came, its head and its chunk sizes among them."""
        return b"".join(self.got)

    @property
    def body(self) -> bytes:
        """The stream's content."""
        _, _, rest = self.received.partition(b"\r\n\r\n")
        parts = []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            parts.append(rest[:length])
            rest = rest[length + 2 :]
        return b"".join(parts)


class Load:
    """Readers that begin evenly spread over `ramp` seconds; `run` ends when all have, or after
    `patience` seconds."""

    def __init__(self, address: tuple[str, int], readers: Sequence[Reader], ramp: float) -> None:
        self._address = address
        self.readers = readers
        self._ramp = ramp
        self._poll = select.epoll()
        self._open: dict[int, Reader] = {}
        self.most_open = 0
        self.late: list[float] = []

    def run(self, patience: float, watch: Callable[[], None] = lambda: None) -> None:
        """`watch` is called twice a second."""
        began = time.monotonic()
        waiting = list(reversed(self.readers))
        step = self._ramp / len(waiting)
        watched = began
        while waiting or self._open:
            now = time.monotonic()
            if now > began + patience:
                break
            while waiting and began + waiting[-1].number * step <= now:
                reader = waiting.pop()
                self.late.append(now - began - reader.number * step)
                self._begin(reader)
            if now > watched + 0.5:
                watched = now
                watch()
            next_at = began + waiting[-1].number * step if waiting else now + 0.5
            for number, _ in self._poll.poll(max(min(next_at - now, 0.5), 0)):
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
        reader.streaming = reader.subscribe is None
        reader.sock.send(reader.ask(reader))

    def _read(self, reader: Reader) -> None:
        assert reader.sock is not None  # noqa: S101
        try:
            came = reader.sock.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        if not came:
            self._close(reader)
            return
        reader.got.append(came)
        reader.reads += 1
        if reader.streaming:
            self._note(reader, came)
        else:
            self._take_reply(reader)

    def _note(self, reader: Reader, came: bytes) -> None:
        if not reader.first_at and _FIRST in came:
            reader.first_at = time.monotonic()
        if reader.status == 0:
            reader.status = int(came[9:12])
            if reader.status != 200:
                self._close(reader)
                return
        # It may come in two halves, but then the first byte of the end marker is in the last read.
        if _DONE.search(came) or _DONE.search(b"".join(reader.got[-2:])):
            reader.done_at = time.monotonic()
            self._close(reader)

    def _take_reply(self, reader: Reader) -> None:
        head, found, body = reader.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(body) < int(length[1] if length else 0):
            return
        status = int(head[9:12])
        if status >= 400 or reader.subscribe is None or reader.sock is None:
            reader.status, reader.refused_at = status, time.monotonic()
            self._close(reader)
            return
        reader.got.clear()
        reader.streaming = True
        reader.sock.send(reader.subscribe(reader, body))

    def _close(self, reader: Reader) -> None:
        if reader.sock is not None and reader.sock.fileno() >= 0:
            self._open.pop(reader.sock.fileno(), None)
            self._poll.unregister(reader.sock)
            reader.sock.close()

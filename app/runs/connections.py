"""The registry of open streams: who reads which run, since when, and how many may be open.

It knows nothing of what is sent.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.errors import TooMany

Limit = Literal["own", "all"]
"""Which limit is reached: the person's own, or everybody's."""


@dataclass(eq=False, slots=True)
class Connection:
    """One open stream of a person's session. `opened_at` is in seconds, on the monotonic clock."""

    user_id: str
    session_id: str
    run_id: str
    kind: str
    session_ended: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    opened_at: float = field(default_factory=time.monotonic)


class SharedConnections(Protocol):
    """The open streams of all workers."""

    def add(self, connection: Connection, limit: int, limit_per_user: int) -> Limit | None:
        """Add a stream, unless a limit is reached: then which."""

    def remove(self, connection: Connection, *, at_once: bool) -> None: ...

    def renew(self, connections: Iterable[Connection]) -> None:
        """Say that streams are still open; one that isn't renewed is forgotten after a while."""

    def readers(self, run_id: str) -> int | None:
        """How many read a run; None if that can't be known now."""

    def count(self) -> int | None:
        """How many are open; None if that can't be known now."""


class Connections:
    """The open streams of this process, limited for each person and overall. With `shared`, those
    of all workers count, as far as they are known."""

    def __init__(
        self, limit: int, limit_per_user: int, shared: SharedConnections | None = None
    ) -> None:
        self.limit = limit
        self.limit_per_user = limit_per_user
        self.is_closed = False
        """All streams are to end, since this process stops."""
        self._shared = shared
        self._open: set[Connection] = set()
        self._by_user: Counter[str] = Counter()
        self._by_run: Counter[str] = Counter()

    def open(self, user_id: str, session_id: str, run_id: str, kind: str) -> Connection:
        """Register a stream, to be closed when it ends. Raises TooMany at a limit."""
        connection = Connection(user_id, session_id, run_id, kind)
        reached = self._limit_reached(user_id)
        if reached is None and self._shared is not None:
            reached = self._shared.add(connection, self.limit, self.limit_per_user)
        if reached is not None:
            raise self._refusal(reached)
        self._open.add(connection)
        self._by_user[user_id] += 1
        self._by_run[run_id] += 1
        return connection

    def close(self, connection: Connection, *, at_once: bool = False) -> None:
        """Forget a stream; a second time does nothing. The other workers know it a moment later, or
        when this returns with `at_once`."""
        if connection in self._open:
            self._open.remove(connection)
            _decrement(self._by_user, connection.user_id)
            _decrement(self._by_run, connection.run_id)
            if self._shared is not None:
                self._shared.remove(connection, at_once=at_once)

    def sessions(self) -> set[str]:
        """The ids of the sessions that have a stream open here."""
        return {connection.session_id for connection in self._open}

    def end_all_but(self, open_sessions: Container[str], among: Container[str]) -> bool:
        """Let the streams end whose session is one of `among` that is not open any more. Return
        whether there are any; their readers have to be woken."""
        ended = [
            connection
            for connection in self._open
            if connection.session_id in among and connection.session_id not in open_sessions
        ]
        for connection in ended:
            connection.session_ended = True
        return bool(ended)

    def readers(self, run_id: str) -> int:
        """How many read the run, on all workers."""
        everywhere = self._shared.readers(run_id) if self._shared is not None else None
        return max(everywhere or 0, self._by_run[run_id])

    def renew(self) -> None:
        """Tell the other workers that the streams are still open."""
        if self._shared is not None:
            self._shared.renew(list(self._open))

    def summary(self) -> dict[str, Any]:
        """Counts, the age of the oldest stream in seconds (None if there is none), the limits."""
        oldest = min((stream.opened_at for stream in self._open), default=None)
        everywhere = self._shared.count() if self._shared is not None else None
        return {
            "openStreams": len(self._open),
            "openEverywhere": len(self._open) if everywhere is None else everywhere,
            "byKind": dict(Counter(stream.kind for stream in self._open)),
            "readers": len(+self._by_user),
            "oldestSeconds": None if oldest is None else round(time.monotonic() - oldest, 1),
            "limits": {"streams": self.limit, "streamsPerUser": self.limit_per_user},
        }

    def _limit_reached(self, user_id: str) -> Limit | None:
        if self._by_user[user_id] >= self.limit_per_user:
            return "own"
        return "all" if len(self._open) >= self.limit else None

    def _refusal(self, reached: Limit) -> TooMany:
        if reached == "own":
            message = f"You have {self.limit_per_user} answers open already. Close a tab first."
        else:
            message = "Too many people are reading just now. Try again in a moment."
        return TooMany(message, code="too_many_streams", own=reached == "own")


def _decrement(counter: Counter[str], key: str) -> None:
    """Subtract one. `counter - other` would go through all that is counted."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]

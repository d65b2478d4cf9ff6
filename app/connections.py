"""The registry of open streams: who reads which run, since when, and how many may."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.errors import TooMany


@dataclass(frozen=True, eq=False)
class Connection:
    """One open stream. `opened_at` is on the monotonic clock, in seconds."""

    user_id: str
    run_id: str
    kind: str
    opened_at: float = field(default_factory=time.monotonic)


class Connections:
    """Open streams of this process, bounded for each person and overall."""

    def __init__(self, limit: int, limit_per_user: int) -> None:
        self.limit = limit
        self.limit_per_user = limit_per_user
        self._open: set[Connection] = set()
        self._by_user: Counter[str] = Counter()
        self._by_run: Counter[str] = Counter()

    def open(self, user_id: str, run_id: str, kind: str) -> Connection:
        """Register a stream; `close` it when it ends. Raises TooMany at a limit."""
        if self._by_user[user_id] >= self.limit_per_user:
            raise TooMany(
                f"You have {self.limit_per_user} answers open already: close a tab first.",
                code="too_many_streams",
                own=True,
            )
        if len(self._open) >= self.limit:
            raise TooMany(
                "Too many people are reading just now: try again in a moment.",
                code="too_many_streams",
                own=False,
            )
        connection = Connection(user_id, run_id, kind)
        self._open.add(connection)
        self._by_user[user_id] += 1
        self._by_run[run_id] += 1
        return connection

    def close(self, connection: Connection) -> None:
        """Forget a stream; a second time does nothing."""
        if connection in self._open:
            self._open.remove(connection)
            self._by_user -= Counter([connection.user_id])
            self._by_run -= Counter([connection.run_id])

    def readers(self, run_id: str) -> int:
        return self._by_run[run_id]

    def summary(self) -> dict[str, Any]:
        """Counts, the oldest stream's age in seconds (None if there is none), and the limits."""
        oldest = min((stream.opened_at for stream in self._open), default=None)
        return {
            "openStreams": len(self._open),
            "byKind": dict(Counter(stream.kind for stream in self._open)),
            "readers": len(+self._by_user),
            "oldestSeconds": None if oldest is None else round(time.monotonic() - oldest, 1),
            "limits": {"streams": self.limit, "streamsPerUser": self.limit_per_user},
        }

"""The registry of open streams: who reads which run, since when, and how many may."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import gevent
import redis

from app.errors import TooMany

log = logging.getLogger(__name__)

Refusal = Literal["own", "all"]


@dataclass(frozen=True, eq=False, slots=True)
class Connection:
    """One open stream. `opened_at` is on the monotonic clock, in seconds."""

    user_id: str
    run_id: str
    kind: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    opened_at: float = field(default_factory=time.monotonic)


class Everywhere(Protocol):
    """The streams of all workers together."""

    def add(self, connection: Connection, limit: int, limit_per_user: int) -> Refusal | None:
        """Count a stream in, unless a limit is reached: then which."""

    def remove(self, connection: Connection, *, at_once: bool) -> None: ...

    def renew(self, connections: Iterable[Connection]) -> None:
        """They are still open; what isn't renewed is forgotten after a while."""

    def readers(self, run_id: str) -> int | None:
        """None when that can't be told just now."""

    def count(self) -> int | None: ...


class Connections:
    """Open streams, bounded for each person and overall; `everywhere` counts those of all workers,
    without it (or while it is away) this process's own are counted."""

    def __init__(
        self, limit: int, limit_per_user: int, everywhere: Everywhere | None = None
    ) -> None:
        self.limit = limit
        self.limit_per_user = limit_per_user
        self.leaving = False  # this process ends: the streams are to end, and come back elsewhere
        self._everywhere = everywhere
        self._open: set[Connection] = set()
        self._by_user: Counter[str] = Counter()
        self._by_run: Counter[str] = Counter()

    def open(self, user_id: str, run_id: str, kind: str) -> Connection:
        """Register a stream; `close` it when it ends. Raises TooMany at a limit."""
        connection = Connection(user_id, run_id, kind)
        refusal = self._refusal(user_id)
        if refusal is None and self._everywhere is not None:
            refusal = self._everywhere.add(connection, self.limit, self.limit_per_user)
        if refusal == "own":
            raise TooMany(
                f"You have {self.limit_per_user} answers open already: close a tab first.",
                code="too_many_streams",
                own=True,
            )
        if refusal == "all":
            raise TooMany(
                "Too many people are reading just now: try again in a moment.",
                code="too_many_streams",
                own=False,
            )
        self._open.add(connection)
        self._by_user[user_id] += 1
        self._by_run[run_id] += 1
        return connection

    def close(self, connection: Connection, *, at_once: bool = False) -> None:
        """Forget a stream; a second time does nothing. Elsewhere it is forgotten `at_once`, or in a
        moment, which costs no time here."""
        if connection in self._open:
            self._open.remove(connection)
            _count_out(self._by_user, connection.user_id)
            _count_out(self._by_run, connection.run_id)
            if self._everywhere is not None:
                self._everywhere.remove(connection, at_once=at_once)

    def readers(self, run_id: str) -> int:
        """How many read the run, on whatever worker."""
        others = self._everywhere.readers(run_id) if self._everywhere is not None else None
        return max(others or 0, self._by_run[run_id])

    def renew(self) -> None:
        if self._everywhere is not None:
            self._everywhere.renew(list(self._open))

    def summary(self) -> dict[str, Any]:
        """Counts, the oldest stream's age in seconds (None if there is none), and the limits."""
        oldest = min((stream.opened_at for stream in self._open), default=None)
        everywhere = self._everywhere.count() if self._everywhere is not None else None
        return {
            "openStreams": len(self._open),
            "openEverywhere": len(self._open) if everywhere is None else everywhere,
            "byKind": dict(Counter(stream.kind for stream in self._open)),
            "readers": len(+self._by_user),
            "oldestSeconds": None if oldest is None else round(time.monotonic() - oldest, 1),
            "limits": {"streams": self.limit, "streamsPerUser": self.limit_per_user},
        }

    def _refusal(self, user_id: str) -> Refusal | None:
        if self._by_user[user_id] >= self.limit_per_user:
            return "own"
        return "all" if len(self._open) >= self.limit else None


def _count_out(counter: Counter[str], key: str) -> None:
    """One less. To subtract a counter would be to look at all that it counts."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


_ALL = "hs:streams"
_FORGET_SECONDS = 10
# Each set's members are streams, scored by when they are to be forgotten by Redis's own clock, so
# that a worker that dies leaves nothing behind.
_ADD = """
local now = tonumber(redis.call('TIME')[1])
for i = 1, 2 do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now) end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 'own' end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 'all' end
for i = 1, 3 do
  redis.call('ZADD', KEYS[i], now + ARGV[4], ARGV[1])
  redis.call('EXPIRE', KEYS[i], ARGV[4] * 2)
end
return ''
"""
_RENEW = """
local now = tonumber(redis.call('TIME')[1])
for i = 1, 3 do
  redis.call('ZADD', KEYS[i], now + ARGV[2], ARGV[1])
  redis.call('EXPIRE', KEYS[i], ARGV[2] * 2)
end
"""
_COUNT = """
return redis.call('ZCOUNT', KEYS[1], '(' .. redis.call('TIME')[1], '+inf')
"""


class RedisStreams:
    """The streams of all workers, in Redis. While it is not `up` nothing is refused."""

    def __init__(self, commands: redis.Redis, up: Callable[[], bool]) -> None:
        self._redis = commands
        self._up = up

    def add(self, connection: Connection, limit: int, limit_per_user: int) -> Refusal | None:
        limits = (limit_per_user, limit, _FORGET_SECONDS)
        return self._ask(_ADD, _keys(connection), connection.id, *limits) or None

    def remove(self, connection: Connection, *, at_once: bool) -> None:
        if not self._up():
            return
        if at_once:
            self._remove(connection)
        else:
            # Whoever closes a stream has no time to wait for Redis.
            gevent.spawn(self._remove, connection)

    def _remove(self, connection: Connection) -> None:
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for key in _keys(connection):
                pipeline.zrem(key, connection.id)
            pipeline.execute()
        except redis.RedisError as error:
            log.debug("a stream's end could not be told: %s", error)

    def renew(self, connections: Iterable[Connection]) -> None:
        if not self._up():
            return
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for connection in connections:
                pipeline.eval(_RENEW, 3, *_keys(connection), connection.id, _FORGET_SECONDS)
            pipeline.execute()
        except redis.RedisError as error:
            log.debug("the open streams could not be renewed: %s", error)

    def readers(self, run_id: str) -> int | None:
        found: int | None = self._ask(_COUNT, [f"{_ALL}:run:{run_id}"])
        return found

    def count(self) -> int | None:
        found: int | None = self._ask(_COUNT, [_ALL])
        return found

    def _ask(self, script: str, keys: list[str], *arguments: Any) -> Any:
        if not self._up():
            return None
        try:
            return self._redis.eval(script, len(keys), *keys, *arguments)
        except redis.RedisError as error:
            log.debug("the streams of all workers can't be asked for: %s", error)
            return None


def _keys(connection: Connection) -> list[str]:
    user, run = f"{_ALL}:user:{connection.user_id}", f"{_ALL}:run:{connection.run_id}"
    return [user, _ALL, run]

"""The open streams of all workers, in Redis.

Each is a member of three sets: everybody's, its person's and its run's. Its score is the time when
it is forgotten, by Redis's own clock, so a worker that dies leaves nothing behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import redis

from app.runs.connections import Connection, Limit

log = logging.getLogger(__name__)

_ALL = "hs:streams"
_FORGET_SECONDS = 10
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


class RedisConnections:
    """SharedConnections in Redis. While Redis is not `up`, nothing is known and nothing refused."""

    def __init__(self, commands: redis.Redis, up: Callable[[], bool]) -> None:
        self._redis = commands
        self._up = up

    def add(self, connection: Connection, limit: int, limit_per_user: int) -> Limit | None:
        limits = (limit_per_user, limit, _FORGET_SECONDS)
        return self._eval(_ADD, _keys(connection), connection.id, *limits) or None

    def remove(self, connection: Connection, *, at_once: bool) -> None:
        if not self._up():
            return
        if at_once:
            self._remove(connection)
        else:
            gevent.spawn(self._remove, connection)

    def _remove(self, connection: Connection) -> None:
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for key in _keys(connection):
                pipeline.zrem(key, connection.id)
            pipeline.execute()
        except redis.RedisError as error:
            log.debug("a stream could not be removed: %s", error)

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
        found: int | None = self._eval(_COUNT, [f"{_ALL}:run:{run_id}"])
        return found

    def count(self) -> int | None:
        found: int | None = self._eval(_COUNT, [_ALL])
        return found

    def _eval(self, script: str, keys: list[str], *arguments: Any) -> Any:
        """What the script returns; None if Redis can't be reached."""
        if not self._up():
            return None
        try:
            return self._redis.eval(script, len(keys), *keys, *arguments)
        except redis.RedisError as error:
            log.debug("the streams of all workers are unknown now: %s", error)
            return None


def _keys(connection: Connection) -> list[str]:
    user, run = f"{_ALL}:user:{connection.user_id}", f"{_ALL}:run:{connection.run_id}"
    return [user, _ALL, run]

"""How often something may be done: by an address, for an account, by a person."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING

import limits
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from app.errors import TooMany

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 60.0
"""Time between two looks for counts that are over."""


class Limit:
    """So many times in a while, for each key; several rates hold together.

    `rates` is as `limits` reads it, such as "10 per minute; 50 per hour". `sentence` tells people
    what was too much, and `code` programs.
    """

    def __init__(self, name: str, rates: str, sentence: str, code: str = "too_many_tries") -> None:
        self.name = name
        self.sentence = sentence
        self.code = code
        self.rates = limits.parse_many(rates)


@dataclass
class Attempt:
    """Something that counts only if it fails."""

    succeeded: bool = False


class _OwnCounts(MemoryStorage):
    """The counts of this worker.

    `limits` starts a timer for each count, in which it waits for other greenlets: a question then
    held its database connection meanwhile, and every fourth one had to open another connection.
    """

    _swept_at = 0.0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to the count of a key, which ends after `expiry` seconds, and return it."""
        now = time.time()
        if now - self._swept_at > _SWEEP_SECONDS:
            self._swept_at = now
            for each in list(self.expirations):
                self.get(each)
        # Drops the count if its time is over.
        self.get(key)
        self.storage[key] += amount
        if self.storage[key] == amount:
            self.expirations[key] = now + expiry
        return self.storage[key]


class RateLimits:
    """Counts for all workers where there is Redis. While Redis can't be reached, each worker counts
    its own."""

    def __init__(self, shared: Redis | None = None) -> None:
        self._own = FixedWindowRateLimiter(_OwnCounts())
        self._shared = None
        if shared is not None:
            storage = RedisStorage(
                "redis://", connection_pool=shared.connection_pool, wrap_exceptions=True
            )
            self._shared = FixedWindowRateLimiter(storage)

    def count(self, limit: Limit, key: str) -> None:
        """Count one more. Raises TooMany if that is above the limit.

        It is counted before it is done, so that a hundred at the same moment are no more than a
        hundred one after the other.
        """
        for rate in limit.rates:
            if not self._hit(rate, limit, key, 1):
                raise self._refusal(rate, limit, key)

    @contextmanager
    def attempt(self, *counted: tuple[Limit, str]) -> Iterator[Attempt]:
        """Count an attempt before it is made, and take that back if it has succeeded."""
        for limit, key in counted:
            self.count(limit, key)
        attempt = Attempt()
        try:
            yield attempt
        finally:
            if attempt.succeeded:
                for limit, key in counted:
                    self._take_back(limit, key)

    def forget(self, limit: Limit, key: str) -> None:
        """Forget what was counted for the key."""
        for rate in limit.rates:
            names = (limit.name, digest(key))
            try:
                (self._shared or self._own).clear(rate, *names)
            except StorageError as error:
                log.warning("%s could not be forgotten for all workers: %s", limit.name, error)
            self._own.clear(rate, *names)

    def _take_back(self, limit: Limit, key: str) -> None:
        for rate in limit.rates:
            self._hit(rate, limit, key, -1)

    def _hit(self, rate: limits.RateLimitItem, limit: Limit, key: str, cost: int) -> bool:
        names = (limit.name, digest(key))
        if self._shared is not None:
            try:
                return self._shared.hit(rate, *names, cost=cost)
            except StorageError as error:
                log.warning("%s could not be counted for all workers: %s", limit.name, error)
        return self._own.hit(rate, *names, cost=cost)

    def _refusal(self, rate: limits.RateLimitItem, limit: Limit, key: str) -> TooMany:
        seconds = self._wait(rate, limit, key)
        log.info("refused for %d seconds: %s of %r", seconds, limit.name, key)
        message = f"{limit.sentence} Wait {_in_words(seconds)}, then try again."
        return TooMany(message, code=limit.code, own=True, retry_after=seconds)

    def _wait(self, rate: limits.RateLimitItem, limit: Limit, key: str) -> int:
        """Return the seconds until the rate's window ends."""
        names = (limit.name, digest(key))
        try:
            ends = (self._shared or self._own).get_window_stats(rate, *names).reset_time
        except StorageError:
            ends = self._own.get_window_stats(rate, *names).reset_time
        return min(max(round(ends - time.time()), 1), rate.get_expiry())


def digest(key: str) -> str:
    """Return a short name for a key, which comes from outside and is of any length."""
    return blake2s(key.encode(), digest_size=16).hexdigest()


def _in_words(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{round(minutes / 60)} hours"

"""How often log-ins from one address may fail."""

from __future__ import annotations

import logging

import limits
import redis
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from app.errors import TooMany

log = logging.getLogger(__name__)


class SignInLimit:
    """Counts log-ins that failed, for all workers where there is Redis.

    While Redis can't be reached, each worker counts its own.
    """

    def __init__(self, rate: str, shared: redis.Redis | None = None) -> None:
        """`rate` is as `limits` reads it, such as "20 per minute"."""
        self._rates = limits.parse_many(rate)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._shared = None
        if shared is not None:
            storage = RedisStorage("redis://", connection_pool=shared.connection_pool)
            self._shared = FixedWindowRateLimiter(storage)

    def check(self, address: str) -> None:
        """Raises TooMany where too many log-ins have failed."""
        try:
            allowed = self._allows(self._shared or self._own, address)
        except redis.RedisError:
            allowed = self._allows(self._own, address)
        if not allowed:
            log.info("log-ins from %r are refused for a while: too many have failed", address)
            raise TooMany(
                "Too many tries: wait a minute, then try again.",
                code="too_many_tries",
                own=True,
                retry_after=60,
            )

    def note_failure(self, address: str) -> None:
        for rate in self._rates:
            self._own.hit(rate, address)
            if self._shared is None:
                continue
            try:
                self._shared.hit(rate, address)
            except redis.RedisError as error:
                log.warning("a failed log-in could not be counted for all workers: %s", error)

    def _allows(self, limiter: FixedWindowRateLimiter, address: str) -> bool:
        return all(limiter.test(rate, address) for rate in self._rates)

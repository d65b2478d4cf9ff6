"""Log-ins that fail too often are refused for a while: by one worker, and by all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from app.auth.sign_in_limit import SignInLimit
from app.errors import TooMany
from app.runs.redis_event_log import connect
from tests.support.engines import Engines
from tests.support.product import PASSWORD, Product, form

NOWHERE = connect("redis://127.0.0.1:1")


def fail(limit: SignInLimit, times: int, address: str = "1.2.3.4") -> None:
    for _ in range(times):
        limit.check(address)
        limit.note_failure(address)


@pytest.mark.parametrize("shared", [None, NOWHERE], ids=["one worker", "Redis is away"])
def test_after_so_many_failures_an_address_is_refused_and_others_are_not(
    shared: redis.Redis | None,
) -> None:
    limit = SignInLimit("3 per minute", shared)
    fail(limit, 3)
    with pytest.raises(TooMany) as refusal:
        limit.check("1.2.3.4")
    assert (refusal.value.status, refusal.value.retry_after) == (429, 60)
    limit.check("1.2.3.5")


def test_the_failures_at_all_workers_count_together(real_engines: Engines) -> None:
    shared = redis.Redis.from_url(real_engines.fresh()["redis_url"])
    workers = [SignInLimit("3 per minute", shared) for _ in range(2)]
    fail(workers[0], 2)
    fail(workers[1], 1)
    for worker in workers:
        with pytest.raises(TooMany):
            worker.check("1.2.3.4")
    shared.close()


@pytest.mark.engines
def test_failures_are_slowed_down_and_successes_are_not(start: Callable[..., Product]) -> None:
    product = start(sign_in_limit="3 per minute")
    alice = product.sign_up("Alice")
    for _ in range(5):
        assert form(product, "/auth/login", email=alice.email, password=PASSWORD).status_code == 303
    bad = {"email": alice.email, "password": "wrong"}
    assert [form(product, "/auth/login", **bad).status_code for _ in range(4)] == [401] * 3 + [429]

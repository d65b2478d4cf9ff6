"""What is done too often is refused for a while: by one worker, and by all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import requests

from app.auth.rate_limits import Limit, RateLimits
from app.errors import TooMany
from app.runs.redis_event_log import connect
from tests.support.engines import Engines
from tests.support.product import PASSWORD, Product, form

Start = Callable[..., Product]
NOWHERE = connect("redis://127.0.0.1:1")
THREE = Limit("tries", "3 per minute", "Too many tries.")


@pytest.mark.parametrize("shared", [None, NOWHERE], ids=["one worker", "Redis is away"])
def test_above_its_limit_a_key_is_refused_and_others_are_not(shared: redis.Redis | None) -> None:
    counters = RateLimits(shared)
    for _ in range(3):
        counters.count(THREE, "1.2.3.4")
    with pytest.raises(TooMany) as refusal:
        counters.count(THREE, "1.2.3.4")
    assert refusal.value.status == 429
    assert 1 <= refusal.value.retry_after <= 60
    assert f"Wait {refusal.value.retry_after} second" in refusal.value.message
    counters.count(THREE, "1.2.3.5")


def test_all_workers_count_together(real_engines: Engines) -> None:
    shared = redis.Redis.from_url(real_engines.fresh()["redis_url"])
    workers = [RateLimits(shared) for _ in range(2)]
    for worker in (*workers, workers[0]):
        worker.count(THREE, "1.2.3.4")
    for worker in workers:
        with pytest.raises(TooMany):
            worker.count(THREE, "1.2.3.4")
    shared.close()


@pytest.mark.parametrize("shared", [None, NOWHERE], ids=["one worker", "Redis is away"])
def test_an_attempt_counts_unless_it_succeeds(shared: redis.Redis | None) -> None:
    counters = RateLimits(shared)
    for _ in range(9):
        with counters.attempt((THREE, "a")) as attempt:
            attempt.succeeded = True
    for _ in range(3):
        with counters.attempt((THREE, "a")):
            pass
    with pytest.raises(TooMany), counters.attempt((THREE, "a")):
        pass


def test_waits_grow_with_the_number_of_tries() -> None:
    counters = RateLimits()
    growing = Limit("tries", "2 per minute; 3 per hour", "Too many tries.")
    counters.count(growing, "a")
    counters.count(growing, "a")
    with pytest.raises(TooMany) as short:
        counters.count(growing, "a")
    assert short.value.retry_after <= 60
    for _ in range(2):
        with pytest.raises(TooMany):
            counters.count(growing, "a")
    assert "second" in short.value.message
    fresh = RateLimits()
    hour = Limit("tries", "9 per minute; 3 per hour", "Too many tries.")
    for _ in range(3):
        fresh.count(hour, "a")
    with pytest.raises(TooMany) as long:
        fresh.count(hour, "a")
    assert 3_500 < long.value.retry_after <= 3_600
    assert "minutes" in long.value.message


def test_a_count_ends_with_its_time() -> None:
    counters = RateLimits()
    once = Limit("tries", "1 per second", "Too many tries.")
    counters.count(once, "a")
    refused = 0
    while True:
        try:
            counters.count(once, "a")
        except TooMany:
            refused += 1
            time.sleep(0.05)
        else:
            break
    assert refused


def test_a_count_of_this_worker_waits_for_no_thread() -> None:
    counters = RateLimits()
    for thread in _timers():
        thread.join()
    counters.count(THREE, "1.2.3.4")
    assert not _timers()


def _timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


# Log-ins


@pytest.mark.engines
def test_failures_are_slowed_down_and_successes_are_not(start: Start) -> None:
    product = start(sign_in_limit="3 per minute")
    alice = product.sign_up("Alice")
    for _ in range(5):
        assert form(product, "/auth/login", email=alice.email, password=PASSWORD).status_code == 303
    bad = {"email": alice.email, "password": "wrong"}
    assert [form(product, "/auth/login", **bad).status_code for _ in range(4)] == [401] * 3 + [429]


@pytest.mark.engines
def test_a_hundred_tries_at_once_are_no_more_than_the_limit(start: Start) -> None:
    product = start(sign_in_limit="7 per minute")
    alice = product.sign_up("Alice")

    def guess(number: int) -> int:
        return form(
            product, "/auth/login", email=alice.email, password=f"guess {number}"
        ).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(guess, range(100)))
    assert answers.count(401) == 7
    assert answers.count(429) == 93


def test_guessing_from_everywhere_does_not_shut_the_owner_out(start: Start) -> None:
    product = start(account_limit="5 per hour", sign_in_limit="1000 per minute")
    alice = product.sign_up("Alice")
    good = {"email": alice.email, "password": PASSWORD}
    with requests.Session() as known:
        assert known.post(f"{product.url}/auth/login", data=good).url == f"{product.url}/"
        bad = [form(product, "/auth/login", email=alice.email, password="x") for _ in range(6)]
        assert [answer.status_code for answer in bad] == [401] * 5 + [429]
        stranger = form(product, "/auth/login", **good)
        assert stranger.status_code == 429
        assert int(stranger.headers["Retry-After"]) > 60
        again = known.post(f"{product.url}/auth/login", data=good, allow_redirects=False)
        assert again.status_code == 303


def test_a_known_browser_has_a_limit_of_its_own(start: Start) -> None:
    product = start(account_limit="5 per hour")
    alice = product.sign_up("Alice")
    mallory = product.sign_up("Mallory")
    with requests.Session() as known:
        url = f"{product.url}/auth/login"
        known.post(url, data={"email": alice.email, "password": PASSWORD})
        bad = {"email": alice.email, "password": "x"}
        answers = [known.post(url, data=bad).status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]
        # It is known for one account, and no other.
        for _ in range(5):
            form(product, "/auth/login", email=mallory.email, password="x")
        other = {"email": mallory.email, "password": PASSWORD}
        assert known.post(url, data=other).status_code == 429


def test_accounts_are_made_at_a_limited_rate(start: Start) -> None:
    product = start(sign_up_limit="2 per hour")
    product.sign_up("Alice")
    product.sign_up("Bob")
    fields = {"name": "Carl", "email": "carl@example.com", "password": PASSWORD}
    answer = form(product, "/auth/signup", **fields)
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    assert "Too many accounts from here." in answer.text

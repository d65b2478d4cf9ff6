"""PostgreSQL and Valkey stop, hang and come back: readers read on, askers are refused at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gevent
import psutil
import psycopg
import pytest
import requests
from psycopg.pq import TransactionStatus
from sqlalchemy import create_engine
from sqlalchemy import text as sql

from app.db.connection import begin_read_only, engine_options, parse_url, prepare
from app.db.models import db
from scripts.local_servers import Postgres, Valkey
from tests.support.engines import Engines
from tests.support.processes import below
from tests.support.product import Person, Product, eventually, text_of
from tests.support.scripted_model import ScriptedModel
from tests.support.scripted_replies import endless, text

Start = Callable[..., Product]
Outage = Callable[[Any], Any]
WORDS = [f"word{number} " for number in range(60)]


@contextmanager
def stopped(server: Postgres | Valkey) -> Iterator[None]:
    """Stop the server, and start it again afterwards."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def hanging(server: Postgres | Valkey) -> Iterator[None]:
    """Let the server accept connections and queries and never answer."""
    leader = psutil.Process(server.pid)
    leader.suspend()  # first, so that it starts no others
    frozen = [leader, *below(server.pid)]
    for process in frozen:
        with suppress(psutil.NoSuchProcess):  # it was about to end
            process.suspend()
    try:
        yield
    finally:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.fixture
def product(start: Start, real_engines: Engines) -> Product:
    return start(**real_engines.fresh(), ping_interval=0.3)


@pytest.fixture
def alice(product: Product) -> Person:
    return product.sign_up("Alice")


def health(product: Product) -> Any:
    answer = requests.get(f"{product.url}/health", timeout=60)
    assert (answer.status_code == 503) == (answer.json()["database"] == "down")
    return answer.json()


def check_refused_soon(alice: Person) -> None:
    """Check that a new question gets 503 with Retry-After, without a long wait."""
    # If nothing watched the servers, this would take longer than the timeout.
    refused = alice.api("POST", "/agents/chat-stream", json={"userMessage": "Two"}, timeout=60)
    assert refused.status_code == 503
    assert refused.json()["error"]["retryable"] is True
    assert int(refused.headers["Retry-After"]) > 0


def stored(alice: Person) -> Any:
    return alice.api("GET", "/agents/chat-history").json()["messages"][-1]


@pytest.mark.parametrize("outage", [stopped, hanging])
def test_without_redis_readers_read_on_and_nothing_new_begins(
    product: Product, alice: Person, model: ScriptedModel, real_engines: Engines, outage: Outage
) -> None:
    model.script(text(*WORDS, pace=0.05), text("Later."))
    stream = alice.ask("One")
    messages = stream.until("content")
    with outage(real_engines.valkey):
        eventually(lambda: health(product)["redis"] == "down")
        assert health(product)["status"] == "degraded"
        check_refused_soon(alice)
        messages += stream.until("done")
        assert text_of(messages) == "".join(WORDS)
        assert alice.get("/conversations", timeout=60).ok
        eventually(lambda: stored(alice)["content"] == "".join(WORDS))
    eventually(lambda: health(product)["redis"] == "up")
    assert health(product)["status"] == "ok"
    assert text_of(alice.ask("Two").until("done")) == "Later."


@pytest.mark.parametrize("outage", [stopped, hanging])
def test_without_the_database_readers_read_on_and_the_answer_is_kept(
    product: Product, alice: Person, model: ScriptedModel, real_engines: Engines, outage: Outage
) -> None:
    model.script(text(*WORDS, pace=0.05), text("Later."))
    stream = alice.ask("One")
    messages = stream.until("content")
    with outage(real_engines.postgres):
        eventually(lambda: health(product)["database"] == "down")
        check_refused_soon(alice)
        page = alice.get("/conversations", headers={"Accept": "text/html"}, timeout=60)
        assert page.status_code == 503
        assert "try again" in page.text
        for message in stream:
            messages.append(message)
            if text_of(messages) == "".join(WORDS):
                break
    messages += stream.until("done")
    assert messages[-1].json["status"] == "completed"
    assert text_of(messages) == "".join(WORDS)
    assert stored(alice)["content"] == "".join(WORDS)
    assert health(product)["status"] == "ok"
    assert text_of(alice.ask("Two").until("done")) == "Later."


@pytest.mark.parametrize("warm", [True, False], ids=["known connections", "a new connection"])
def test_the_first_request_to_a_database_that_hangs_is_refused_soon(
    product: Product, alice: Person, real_engines: Engines, warm: bool
) -> None:
    """Before anything has noticed, whether a query hangs or a new connection."""
    if not warm:
        with product.app.app_context():
            pool: Any = db.engine.pool
            # One in use would come back to a pool that is gone, and never be closed.
            eventually(lambda: pool.checkedout() == 0)
            db.engine.dispose()
    with hanging(real_engines.postgres):
        check_refused_soon(alice)
    eventually(lambda: health(product)["database"] == "up")


def test_a_slow_query_is_waited_for(product: Product) -> None:
    with product.app.app_context():
        assert db.session.scalar(sql("SELECT 'late' FROM pg_sleep(3)")) == "late"


def test_a_query_blocks_no_other_greenlet(product: Product) -> None:
    """The driver waits as greenlets do."""
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            gevent.sleep(0.01)

    ticking = gevent.spawn(tick)
    with product.app.app_context():
        db.session.execute(sql("SELECT pg_sleep(0.5)"))
    ticking.kill()
    assert ticks > 10


def test_streams_hold_no_connection_to_the_database(
    start: Start, model: ScriptedModel, real_engines: Engines
) -> None:
    """Twelve streams, two connections in all, and every other page works."""
    product = start(
        **real_engines.fresh(), database_connections=1, ping_interval=0.1, max_runs_per_user=6
    )
    alice = product.sign_up("Alice")
    model.script(*[endless(pace=0.02)] * 6)
    runs = [alice.ask(f"Question {n}").until("content")[0].json["runId"] for n in range(6)]
    watching = [alice.watch(run) for run in runs]
    for stream in watching:
        assert stream.until("parts")
    assert product.services.connections.summary()["openStreams"] >= 6
    with product.app.app_context():
        pool = db.engine.pool
    eventually(lambda: pool.checkedout() == 0)  # type: ignore[attr-defined]
    for path in ("/", "/conversations", "/outbox"):
        assert alice.get(path, timeout=60).ok
    for run in runs:
        alice.post(f"/runs/{run}/stop")


def test_a_connection_is_checked_only_after_a_pause(
    real_engines: Engines,
) -> None:
    url = parse_url(real_engines.fresh()["database_url"])
    engine = create_engine(url, **engine_options(url, 1))
    prepare(engine)

    def newest_question(pid: int) -> str:
        with psycopg.connect(url.set(drivername="postgresql").render_as_string(False)) as other:
            found = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid])
            return str(found.fetchone()[0])  # type: ignore[index]

    with engine.connect() as connection:
        pid = connection.scalar(sql("SELECT pg_backend_pid()"))
    with engine.connect():
        assert newest_question(pid) == "ROLLBACK"
    gevent.sleep(1.1)
    with engine.connect():
        assert newest_question(pid) == "SELECT 1"
    engine.dispose()


def test_a_lost_connection_is_replaced(real_engines: Engines) -> None:
    url = parse_url(real_engines.fresh()["database_url"])
    engine = create_engine(url, **engine_options(url, 1))
    prepare(engine)
    with engine.connect() as connection:
        connection.scalar(sql("SELECT 1"))
    with stopped(real_engines.postgres):
        gevent.sleep(1.1)
    with engine.connect() as connection:
        assert connection.scalar(sql("SELECT 2")) == 2
    engine.dispose()


def test_reading_begins_no_transaction(product: Product) -> None:
    def status() -> TransactionStatus:
        db.session.execute(sql("SELECT 1"))
        connection: Any = db.session.connection().connection.driver_connection
        return TransactionStatus(connection.info.transaction_status)

    with product.app.app_context():
        begin_read_only()
        assert status() == TransactionStatus.IDLE
        begin_read_only()  # a second time changes nothing
        db.session.remove()
        assert status() == TransactionStatus.INTRANS

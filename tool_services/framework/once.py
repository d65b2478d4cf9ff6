"""A call that is made twice under one key is done once: the ledger of a service's calls.

A row claims the call before it begins. Its result is stored in the same transaction as everything
that the tool writes, so there are both or neither. The rows are in the service's database, in a
table that the framework makes, and go after a day.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import gevent
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    MetaData,
    String,
    Table,
    delete,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tool_services.framework.errors import (
    CallUnknownError,
    IdempotencyConflictError,
    ServiceError,
)
from tool_services.framework.exclusive import begin_exclusive
from tool_services.framework.timestamps import utc_now

logger = logging.getLogger("tool_services.once")

LEDGER = Table(
    "calls_done_once",
    MetaData(),
    Column("UserId", String(200), primary_key=True),
    Column("Tool", String(128), primary_key=True),
    Column("Key", String(200), primary_key=True),
    Column("Arguments", String(64), nullable=False),
    Column("Claim", String(32), nullable=False),
    Column("ClaimedAt", DateTime, nullable=False, index=True),
    Column("Result", JSON(none_as_null=True)),
)
KEPT = timedelta(days=1)
"""For how long a call is known. The app repeats one within minutes."""
# A process that has had a call for so much longer than its time-out is taken to have died.
GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Call:
    """A call of a tool by a person, with its idempotency key and the digest of its arguments.

    `seconds` is how long it may take. `reaches_out` says that it may do what no transaction
    undoes, so it isn't done again by itself if its process dies or its result can't be stored.
    """

    user_id: str
    tool: str
    key: str
    digest: str
    seconds: float
    reaches_out: bool

    @property
    def conditions(self) -> tuple[Any, ...]:
        columns = LEDGER.c
        return (
            columns.UserId == self.user_id,
            columns.Tool == self.tool,
            columns.Key == self.key,
        )


def do_once(database: SQLAlchemy, call: Call, act: Callable[[], Any]) -> Any:
    """Return what `act` returns, as JSON, or what it returned when this call was made before.

    `act` must not commit: its writes are committed with its result. Raises what `act` raises, and
    then nothing of the call is left; IdempotencyConflictError if the key was used with other
    arguments; CallUnknownError if the call may have been done. That is so after a process died, and
    after anything but a ServiceError, if the call reaches out.
    """
    while True:
        claim = uuid.uuid4().hex
        if not _claim(database, call, claim):
            earlier = _wait_for_result(database, call, claim)
            if earlier is not None:
                return earlier
        try:
            with _no_commit(database):
                result = act()
            if _store(database, call, claim, result):
                return result
        except BaseException as error:
            _fail(database, call, claim, error)
            raise
        # This call took so long that another one has begun in its place.


def make_ledger(database: SQLAlchemy) -> None:
    """Create the ledger's table if it is missing, by one process, and forget what is old."""
    session = database.session
    is_there = inspect(session.connection()).has_table(LEDGER.name)
    session.rollback()
    if not is_there:
        begin_exclusive(session.connection())
        LEDGER.create(session.connection(), checkfirst=True)
    _forget_old_ones(database)
    session.commit()


def _claim(database: SQLAlchemy, call: Call, claim: str) -> bool:
    session = database.session
    session.rollback()
    now = utc_now()
    row = {
        **{"UserId": call.user_id, "Tool": call.tool, "Key": call.key},
        **{"Arguments": call.digest, "Claim": claim, "ClaimedAt": now},
    }
    try:
        session.execute(insert(LEDGER).values(row))
        _forget_old_ones(database)
        session.commit()
    except IntegrityError:
        session.rollback()
        return False
    return True


def _forget_old_ones(database: SQLAlchemy) -> None:
    database.session.execute(delete(LEDGER).where(LEDGER.c.ClaimedAt < utc_now() - KEPT))


def _wait_for_result(database: SQLAlchemy, call: Call, claim: str) -> Any:
    """Return the result of the same call, made before, or None once this one has claimed it.

    A claim that had lapsed when this call came is taken over; one that lapses while it waits is
    not. By then its client has given up and may have made another call instead, so doing this one
    too would do it twice. Raises CallUnknownError after the call's time.
    """
    session = database.session
    lapsed = utc_now() - timedelta(seconds=call.seconds + GRACE_SECONDS)
    gives_up = time.monotonic() + call.seconds
    while True:
        row = session.execute(select(LEDGER).where(*call.conditions)).one_or_none()
        session.rollback()
        if row is None:
            if _claim(database, call, claim):
                return None
            continue
        if row.Arguments != call.digest:
            raise IdempotencyConflictError(
                "This Idempotency-Key was used before, with other arguments. Use another key."
            )
        if row.Result is not None:
            return row.Result
        if row.ClaimedAt < lapsed:
            if call.reaches_out:
                raise CallUnknownError
            if _take_over(database, call, row.Claim, claim):
                return None
            continue
        if time.monotonic() > gives_up:
            raise CallUnknownError
        gevent.sleep(_POLL_SECONDS)


def _take_over(database: SQLAlchemy, call: Call, before: str, claim: str) -> bool:
    values = {"Claim": claim, "ClaimedAt": utc_now()}
    return _change(database, call, before, values)


def _store(database: SQLAlchemy, call: Call, claim: str, result: Any) -> bool:
    """Commit the result with what the tool wrote. Return False if another call is in its place."""
    return _change(database, call, claim, {"Result": result})


def _change(database: SQLAlchemy, call: Call, claim: str, values: dict[str, Any]) -> bool:
    session = database.session
    own = update(LEDGER).where(*call.conditions, LEDGER.c.Claim == claim)
    changed = session.connection().execute(own.values(values)).rowcount == 1
    if changed:
        session.commit()
    else:
        session.rollback()
    return changed


def _fail(database: SQLAlchemy, call: Call, claim: str, error: BaseException) -> None:
    """Undo what the tool wrote, and give up the claim unless the call may have reached out."""
    database.session.rollback()
    if not call.reaches_out or isinstance(error, ServiceError):
        _give_up(database, call, claim)
    elif isinstance(error, Exception):
        logger.exception("%s may have been done, and is not done again by itself", call.tool)
        raise CallUnknownError from error


def _give_up(database: SQLAlchemy, call: Call, claim: str) -> None:
    database.session.execute(delete(LEDGER).where(*call.conditions, LEDGER.c.Claim == claim))
    database.session.commit()


@contextmanager
def _no_commit(database: SQLAlchemy) -> Iterator[None]:
    """Refuse commits within the block, which would part a tool's writes from its result."""
    session = database.session()
    event.listen(session, "before_commit", _refuse)
    try:
        yield
        session.flush()
    finally:
        event.remove(session, "before_commit", _refuse)


def _refuse(session: Session) -> None:
    # Also called at the end of a savepoint, which commits nothing.
    if session.in_nested_transaction():
        return
    raise RuntimeError("A tool that is done once per key must not commit: the framework does.")

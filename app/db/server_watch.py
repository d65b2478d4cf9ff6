"""Watches whether PostgreSQL answers, so that nobody has to wait long to find out.

A connection of its own asks `SELECT 1` all the time. So a commit that is slow under load gets its
time, and a server that hangs is known to all within two seconds.
"""

from __future__ import annotations

import logging
from contextlib import closing

import gevent
import psycopg
from sqlalchemy import Engine

from app.db.bounded_psycopg import BoundedConnection, NoAnswer, server

log = logging.getLogger(__name__)

_INTERVAL_SECONDS = 0.3
_MOST_POLLS = 12


class _WatchConnection(BoundedConnection):
    """The connection that asks. It must not give up because of its own verdict."""

    @staticmethod
    def is_too_long(polls: int) -> bool:
        return polls > _MOST_POLLS


def watch_server(engine: Engine) -> None:
    """Keep `server.hangs` up to date until killed."""
    try:
        while True:
            try:
                _ask_until_error(engine)
            except psycopg.Error as error:
                # A server that refuses connections answers: nobody has to wait for its error.
                _set_hanging(isinstance(error, NoAnswer))
            gevent.sleep(_INTERVAL_SECONDS)
    finally:
        server.hangs = False


def _ask_until_error(engine: Engine) -> None:
    arguments, options = engine.dialect.create_connect_args(engine.url)
    with closing(_WatchConnection.connect(*arguments, **options, autocommit=True)) as connection:
        while True:
            connection.execute("SELECT 1")
            _set_hanging(False)
            gevent.sleep(_INTERVAL_SECONDS)


def _set_hanging(hangs: bool) -> None:
    if hangs != server.hangs:
        log.warning("The database %s.", "doesn't answer" if hangs else "answers again")
    server.hangs = hangs

"""Transactions that exclude each other, in all processes of a service."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

# Any number does, as long as all processes use the same one.
_ADVISORY_LOCK = 4_711_001


def begin_exclusive(connection: Connection) -> None:
    """Begin a transaction that excludes all others begun by this function, in any process."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))

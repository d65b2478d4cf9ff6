"""The database's own time, for what several machines compare: their clocks differ."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class epoch(FunctionElement[float]):  # noqa: N801 - an SQL function
    """Seconds since 1970, by the database's clock."""

    type = Float()
    inherit_cache = True


@compiles(epoch)
def _epoch(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())"


@compiles(epoch, "sqlite")
def _epoch_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"

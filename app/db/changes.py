"""Changes that one of many requests can make: the one whose statement changed a row."""

from __future__ import annotations

from sqlalchemy import Delete, Update

from app.db.models import db


def count_changed(statement: Update | Delete) -> int:
    """Execute a statement, and return how many rows it changed. Objects keep what was loaded."""
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    return int(result.rowcount)  # type: ignore[attr-defined]

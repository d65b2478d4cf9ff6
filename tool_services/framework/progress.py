"""What a tool's function tells while it works: how far it is, and lines for the log."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Literal, Protocol

import gevent

from tool_services.framework.running import running

logger = logging.getLogger("tool_services.tools")

MOST_CHARS = 200
"""Of a message; the rest is cut off."""
Level = Literal["debug", "info", "warning", "error"]
_LEVELS: dict[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class Follower(Protocol):
    """Somebody who is told at once. Nothing here may wait or fail."""

    def report(self, done: float, total: float | None, message: str) -> None: ...

    def log(self, level: Level, text: str) -> None: ...


@dataclass(frozen=True)
class Progress:
    """How far one call of a tool is: a parameter of this type is given to the tool's function.

    If nobody follows, `report` does nothing, and `log` writes to the service's log alone.
    """

    tool: str = "-"
    follower: Follower | None = None

    def report(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how much is done, of how much if that is known, and in a few words what comes now.

        `done` grows from one report to the next; others are dropped. Others get a turn meanwhile,
        except after the first write to SQLite, so report before you write.
        """
        if self.follower is None or not _is_amount(done):
            return
        known = total if total is not None and _is_amount(total) and total > 0 else None
        self.follower.report(done, known, _one_line(message))
        if not _is_writing_to_sqlite():
            gevent.sleep(0)  # or what was reported would be sent only at the end

    def log(self, text: str, level: Level = "info") -> None:
        """Write a line to the service's log, and to that of a follower who asked for it.

        It may name neither a person's secrets nor what only they may read.
        """
        line = _one_line(text)
        logger.log(_LEVELS[level], "%s tool=%s %s", running().service.name, self.tool, line)
        if self.follower is not None:
            self.follower.log(level, line)


def _is_amount(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _one_line(text: object) -> str:
    """Cut a text, and replace what could begin another line or change how one reads."""
    return "".join(char if char.isprintable() else " " for char in str(text)[:MOST_CHARS])


def _is_writing_to_sqlite() -> bool:
    """Whether this call has written and not committed. Another one that writes would wait for it
    without letting it go on."""
    if running().service.database is None:
        return False
    session = running().database.session()
    if not session.in_transaction():
        return False
    driver = session.connection().connection.driver_connection
    return bool(getattr(driver, "in_transaction", False))

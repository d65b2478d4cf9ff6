"""How often an answer's stream is read: often enough to look smooth, seldom enough to be cheap.

One read costs about the same however much text has arrived.
"""

from __future__ import annotations

import gevent

# Reads fall on common ticks: all that are due at one tick cost one turn of the event loop.
_TICK = 0.01
# Of all answers of a process together, while the interval is below its longest: a fifth of a core.
_READS_PER_SECOND = 1_500


class BatchInterval:
    """The seconds between two reads of one answer, the same for all answers of a process.

    It is `shortest` while few `answers` are being written, and grows with their number up to
    `longest`.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest, self.longest = shortest, longest
        self.answers = 0

    @property
    def interval(self) -> float:
        return min(max(self.answers / _READS_PER_SECOND, self.shortest), self.longest)

    def now(self) -> float:
        """Return the event loop's time in seconds.

        It stands still while the loop is busy, so that reads due at once stay together.
        """
        return gevent.get_hub().loop.now()

    def wait(self, last: float) -> float:
        """Wait for the read after the one at `last`, and return when it was due.

        Due times are counted from due times, so that delays don't add up.
        """
        now = self.now()
        interval = self.interval
        if not interval:
            return now
        # The system's clock may have been set back since.
        ahead = min(last + interval - now, self.longest)
        if ahead <= 0:
            return now
        due = round((now + ahead) / _TICK) * _TICK
        gevent.sleep(max(due - now, 0))
        return due

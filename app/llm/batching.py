"""How often what has arrived is sent on: often enough to look smooth, seldom enough to be cheap."""

from __future__ import annotations

import gevent

# Looks fall on common ticks: what is due within one costs one turn of the event loop.
_TICK = 0.01
# Of all of a process's answers together, until `longest` is reached: up to a fifth of one core.
_LOOKS_A_SECOND = 1_500


class BatchInterval:
    """The time between two looks at one answer, in seconds: `shortest` while this process has few
    `answers` in hand, and up to `longest` as it has more. What has arrived by then goes on
    together, and a look costs about the same however much that is."""

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest, self.longest = shortest, longest
        self.answers = 0

    @property
    def interval(self) -> float:
        return min(max(self.answers / _LOOKS_A_SECOND, self.shortest), self.longest)

    def now(self) -> float:
        """On the event loop's clock, by which it times what waits: it stands still while the loop
        is busy, so that what is due at once stays together."""
        return gevent.get_hub().loop.now()

    def wait(self, since: float) -> float:
        """Wait until the next look is due after the one at `since`; when it is, as `now` says. Due
        times follow from each other, so that lateness doesn't add up."""
        now = self.now()
        interval = self.interval
        if not interval:
            return now
        # The system's clock may be set meanwhile.
        ahead = min(since + interval - now, self.longest)
        if ahead <= 0:
            return now
        due = round((now + ahead) / _TICK) * _TICK
        gevent.sleep(max(due - now, 0))
        return due

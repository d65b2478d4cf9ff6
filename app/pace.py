"""How often what has arrived is sent on: often enough to look smooth, seldom enough to be cheap."""

from __future__ import annotations

import time

import gevent

BUSY_SECONDS = 0.5
# Looks fall on common ticks: what is due within one costs one turn of the event loop.
_TICK = 0.01
# Of one core. The rest is for questions, pages, and for what else the machine does.
_MOST_BUSY = 0.30


class Pace:
    """The time between two looks at one answer, in seconds: `shortest` while this process has
    little to do, and up to `longest` as it has more. What has arrived by then goes on together."""

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest, self.longest = shortest, longest
        self.interval = shortest

    def fit_for_ever(self) -> None:
        """Fit the interval to how busy this process is."""
        used, at = time.process_time(), time.monotonic()
        while True:
            gevent.sleep(BUSY_SECONDS)
            used_now, now = time.process_time(), time.monotonic()
            self.fit((used_now - used) / (now - at))
            used, at = used_now, now

    def fit(self, busy: float) -> None:
        """`busy` is the share of one core that this process has used of late. A look costs about
        the same however much has arrived, so half as many looks are half the work."""
        wanted = self.interval * min(max(busy / _MOST_BUSY, 0.5), 2.0)
        self.interval = min(max(wanted, self.shortest), self.longest)

    def now(self) -> float:
        """On the event loop's clock, by which it times what waits: it stands still while the loop
        is busy, so that what is due at once stays together."""
        return gevent.get_hub().loop.now()

    def wait(self, since: float) -> float:
        """Wait until the next look is due after the one at `since`; when it is, as `now` says. Due
        times follow from each other, so that lateness doesn't add up."""
        now = self.now()
        if not self.interval:
            return now
        # The system's clock may be set meanwhile.
        ahead = min(since + self.interval - now, self.longest)
        if ahead <= 0:
            return now
        due = round((now + ahead) / _TICK) * _TICK
        gevent.sleep(max(due - now, 0))
        return due

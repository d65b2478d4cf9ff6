"""Who has just asked, and is about to open the stream of the answer.

What is made sure of for a question (is the token good, does its session last, whose is it) would be
made sure of again a few milliseconds later, for the stream that the same page opens at once. That
was most of what the stream's request cost. Whoever signs out on another worker meanwhile is let in,
as if the stream had been opened with the question.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from hashlib import blake2s
from itertools import islice

from app.db.models import Person

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Reader:
    """A person who was let in, and the CSRF value of their session; of the cookie that let them in
    no more than a digest, since tokens are kept nowhere."""

    person: Person
    csrf: str
    cookie: bytes
    at: float = field(default_factory=time.monotonic)


def digest(cookie: str) -> bytes:
    return blake2s(cookie.encode(), digest_size=16).digest()


class ExpectedReaders:
    """Those whom this process expects, by run. Each is let in once, within seconds, and only by the
    very cookie that brought the question; whoever comes otherwise is asked everything."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._of_run: dict[str, Reader] = {}

    def __len__(self) -> int:
        return len(self._of_run)

    def expect(self, run_id: str, reader: Reader) -> None:
        self._of_run.pop(run_id, None)
        self._of_run[run_id] = reader
        # Whoever did not come is at the beginning, for they are in the order of their coming.
        for oldest, expected in list(islice(self._of_run.items(), 2)):
            if self._is_late(expected):
                del self._of_run[oldest]

    def take(self, run_id: str, cookie: str | None) -> Reader | None:
        """The reader whom this cookie brings to this run, if they are expected: no second time."""
        expected = self._of_run.pop(run_id, None)
        if expected is None or cookie is None or self._is_late(expected):
            return None
        return expected if hmac.compare_digest(expected.cookie, digest(cookie)) else None

    def forget(self, person_id: str) -> None:
        """This person has signed out."""
        for run_id, expected in list(self._of_run.items()):
            if expected.person.id == person_id:
                del self._of_run[run_id]

    def _is_late(self, expected: Reader) -> bool:
        return time.monotonic() - expected.at > self._seconds

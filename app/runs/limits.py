"""Whether a question may be asked."""

from __future__ import annotations

from hashlib import blake2s

from app.config import Settings
from app.errors import TooMany
from app.runs.statements import Counted


def admit(counted: Counted, settings: Settings) -> None:
    """Raises TooMany unless one more answer may be written."""
    if counted.own >= settings.max_runs_per_user:
        raise TooMany(
            f"You have {counted.own} answers being written: wait for one, or stop it.",
            code="too_many_runs",
            own=True,
        )
    if counted.every >= settings.max_runs:
        raise TooMany(
            "Too many answers are being written just now: try again in a moment.",
            code="too_many_runs",
            own=False,
        )


def asked_as_of(key: str | None, question: str) -> str | None:
    """A form that was kept may send another question with the same key: that is another one."""
    if not key:
        return None
    return blake2s(f"{key}\0{question}".encode(), digest_size=16).hexdigest()

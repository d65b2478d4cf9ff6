"""How much of one reply is read, so that no endpoint fills the memory or occupies the worker."""

from __future__ import annotations

from dataclasses import dataclass

# On the wire a token of about four characters is some 250 bytes of JSON.
_BYTES_PER_CHARACTER = 100


@dataclass(frozen=True)
class ReplyLimits:
    """Limits of one reply of a model.

    `characters` are those of its text, and as many again those of its tool calls; `event_bytes` is
    the size of one server-sent event. `calls` is the number of tool calls that are kept; how many
    are made is the agent's business.
    """

    characters: int = 200_000
    event_bytes: int = 1_000_000
    calls: int = 1_000

    @property
    def stream_bytes(self) -> int:
        """Everything that is read: thoughts, comments and padding too."""
        return self.event_bytes + self.characters * _BYTES_PER_CHARACTER

"""What text costs: as the model's endpoint counted it, and as it can be estimated beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a model read and wrote, by its endpoint's own count.

    `cached_tokens` are those of the prompt that it had read before, which cost less or nothing.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            self.cached_tokens + other.cached_tokens,
        )

    @classmethod
    def from_json(cls, counts: Mapping[str, int]) -> Usage:
        """Read stored counts, as `asdict` wrote them."""
        return cls(**{name: counts.get(name, 0) for name in cls.__slots__})


def estimate_tokens(text: str | bytes) -> int:
    """Estimate how many tokens a text costs.

    Every endpoint has a tokenizer of its own. BYTES_PER_TOKEN is on the safe side for English,
    and makes longer characters count as more.
    """
    return tokens_for(len(text if isinstance(text, bytes) else text.encode()))


def tokens_for(size: int) -> int:
    """Estimate how many tokens so many bytes of text cost."""
    return -(-size // BYTES_PER_TOKEN)

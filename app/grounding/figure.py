"""A figure of an answer, and where it is from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Source = Literal["tool", "worked_out", "question", "none"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, price, date, address or id in an answer.

    `start` and `end` count the characters of the answer's text. `source` says where the figure is
    from: the result of the `call`, something worked out from that, the person's own words, or none
    of them.
    """

    text: str
    start: int
    end: int
    source: Source
    call: str | None = None


def figures_to_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return figures as they are stored, and as the API has them."""
    return [asdict(figure) for figure in figures]


def figures_from_json(stored: Iterable[dict[str, Any]] | None) -> tuple[Figure, ...]:
    """Read stored figures, maybe those of a later version with more fields."""
    names = Figure.__slots__
    return tuple(Figure(**{name: one[name] for name in names}) for one in stored or ())

"""The figures that somebody has said, by what they can mean: thousands are searched at once."""

from __future__ import annotations

from collections.abc import Iterable

from app.grounding.readings import Reading


class Said:
    """Figures that were said, for `has` to look others up in."""

    def __init__(self, figures: Iterable[Reading] = ()) -> None:
        self._units: dict[float, set[str]] = {}  # of each number
        self._dates: set[object] = set()
        self._times: set[object] = set()
        self._keys: set[str] = set()
        for figure in figures:
            self._add(figure)

    def has(self, figure: Reading) -> bool:
        """Whether one of the figures says the same as this one, as far as their units tell."""
        if figure.kind == "number":
            units = (self._units.get(value, ()) for value, _ in figure.values)
            return any(_is_one(figure.unit, unit) for each in units for unit in each)
        if figure.kind in ("date", "time"):
            return figure.time in self._times or not self._dates.isdisjoint(figure.dates)
        return figure.key in self._keys

    def _add(self, figure: Reading) -> None:
        if figure.kind == "number":
            for value, _ in figure.values:
                self._units.setdefault(value, set()).add(figure.unit)
            return
        self._dates.update(figure.dates)
        if figure.time is not None:
            self._times.add(figure.time)
        self._keys.add(figure.key)


def _is_one(unit: str, other: str) -> bool:
    return not (unit and other) or unit == other

"""What a person looks for, as the arguments of a search."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from demo_model.phrases import fewest_bedrooms, highest_price, statuses
from demo_model.places import Place, bare_places, places

_ARGUMENTS = {
    "city": "city",
    "state": "state",
    "min_bedrooms": "minBedrooms",
    "max_price": "maxPrice",
    "status": "status",
}


@dataclass(frozen=True)
class Criteria:
    """What homes must meet; None leaves a criterion open. The price is in dollars."""

    city: str | None = None
    state: str | None = None
    min_bedrooms: int | None = None
    max_price: int | None = None
    status: str | None = None

    @property
    def arguments(self) -> dict[str, str | int]:
        """The same under the names of findListings."""
        return {
            _ARGUMENTS[name]: value for name, value in asdict(self).items() if value is not None
        }

    @property
    def place(self) -> Place:
        """Where the homes must be."""
        return Place(self.city, self.state)


def read_criteria(text: str) -> tuple[Criteria, ...]:
    """One search for each place and status that the text names; at least one, maybe an open one."""
    return tuple(
        Criteria(place.city, place.state, fewest_bedrooms(text), highest_price(text), status)
        for place in places(text) or bare_places(text) or (Place(),)
        for status in statuses(text) or (None,)
    )


def refine(earlier: tuple[Criteria, ...], later: tuple[Criteria, ...]) -> tuple[Criteria, ...]:
    """The earlier searches with what the later ones change; a new place replaces the old."""
    moves = any(criteria.place.area for criteria in later)
    refined = (_changed(old, new) for old in (earlier[:1] if moves else earlier) for new in later)
    return tuple(dict.fromkeys(refined))


def _changed(old: Criteria, new: Criteria) -> Criteria:
    base = replace(old, city=None, state=None) if new.place.area else old
    return replace(
        base, **{name: value for name, value in asdict(new).items() if value is not None}
    )

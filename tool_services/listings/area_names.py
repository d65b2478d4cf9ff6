"""Find the market area that a person or a model names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import select

from tool_services.listings.errors import UnknownAreaError
from tool_services.listings.models import Area, city_key, db
from tool_services.listings.us_states import state_code

MAX_SUGGESTIONS = 5


def find_area(name: str) -> Area:
    """Return the area of a name such as "Portland, OR", "portland oregon" or "Portland".

    Raises UnknownAreaError with the most similar names.
    """
    spellings = [_words(name), _words(name.replace("-", " "))]
    for words in spellings:
        for city, state in _city_state_splits(words):
            area = db.session.get(Area, (city, state))
            if area is not None:
                return area
    for words in spellings:
        same_city = _areas_in_city(" ".join(words))
        if len(same_city) == 1:
            return same_city[0]
        if same_city:
            names = "; ".join(sorted(area.name for area in same_city))
            raise UnknownAreaError(f"{name!r} could be any of these: {names}. Add the state.")
    similar = "; ".join(_similar_names(name))
    raise UnknownAreaError(f"There are no figures for {name!r}. Similar areas: {similar}.")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,.;]+", text)


def _city_state_splits(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return every way to split the words into a city and a state, as in Salt Lake City Utah."""
    splits = [(words[:at], words[at:]) for at in range(1, len(words))]
    return [(city_key(" ".join(city)), state_code(" ".join(state))) for city, state in splits]


def _areas_in_city(city: str) -> Sequence[Area]:
    return db.session.scalars(select(Area).where(Area.CityKey == city_key(city))).all()


def _similar_names(name: str) -> Sequence[str]:
    names = {area.name.casefold(): area.name for area in db.session.scalars(select(Area))}
    similar = get_close_matches(name.casefold(), names, n=MAX_SUGGESTIONS, cutoff=0.5)
    return [names[one] for one in similar] or sorted(names.values())[:MAX_SUGGESTIONS]

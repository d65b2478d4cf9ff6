"""Says what a search without a match would find with one condition less.

A model that is told only that nothing matches says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tool_services.framework.schemas import ToolArguments
from tool_services.listings.text_search import Matches

MAX_NAMED = 3

Search = TypeVar("Search", bound=ToolArguments)


def describe_near_matches(
    search: Search, conditions: Sequence[str], count: Callable[[Search], Matches]
) -> str:
    """Return sentences on what matches with one condition less, the narrowest search first.

    `conditions` are the names of the arguments that narrow the search; those that are
    given are left out in turn, which costs a query each.
    """
    given = [name for name in conditions if getattr(search, name) is not None]
    if not given:
        return "There are no homes."
    matches = {name: count(search.model_copy(update={name: None})) for name in given}
    near = sorted((name for name in matches if matches[name].total), key=_total_of(matches))
    if not near:
        return "No home matches, nor with any one condition less."
    tried = ", ".join(_describe(search, name, matches[name]) for name in near[:MAX_NAMED])
    return f"No home meets all conditions together. There are {tried}."


def _total_of(matches: dict[str, Matches]) -> Callable[[str], int]:
    return lambda name: matches[name].total


def _describe(search: ToolArguments, name: str, matches: Matches) -> str:
    """Such as "4 without minBedrooms 6"."""
    alias = type(search).model_fields[name].alias or name
    value = getattr(search, name)
    shown = f"{value:,.10g}" if isinstance(value, (int, float)) else value
    total = f"{matches.total:,}" if matches.is_exact else f"about {matches.total:,}"
    return f"{total} without {alias} {shown}"

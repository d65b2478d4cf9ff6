"""A tool's result as the model reads it: within a budget, and marked as what it is.

The person is shown all of it; what the model needs is how many there are, the first of them, and
how to get at the others. It comes from outside, and may hold sentences that try to pass for
instructions, or for this program's own. So all of it stands in one place, which the system prompt
names, and nothing in it can end that place: it is a value within JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

RESULT_TOKENS = 2_000
# The one place in a tool message for what others say.
DATA = "untrusted_data"

Path = tuple[str | int, ...]


def estimate_tokens(text: str) -> int:
    """About how many tokens a text costs. Every endpoint counts with a tokenizer of its own; four
    bytes a token errs on the safe side for English, and longer characters count as more."""
    return -(-len(text.encode()) // 4)


def render_for_model(result: Any, notes: Sequence[str] = (), budget: int = RESULT_TOKENS) -> str:
    """The result as JSON of at most `budget` tokens beneath `DATA`, and beside it this program's
    own notes, as `note`."""
    if estimate_tokens(_dumps(result)) > budget:
        result, note = _shortened(result, budget)
        notes = [*notes, note]
    return _dumps({DATA: result} | ({"note": " ".join(notes)} if notes else {}))


def _shortened(result: Any, budget: int) -> tuple[Any, str]:
    """As many rows of its largest list as fit; else the beginning of its text."""
    path, rows = max(_lists(result), key=lambda found: len(_dumps(found[1])), default=((), []))
    kept = _most_that_fit(result, path, len(rows), budget)
    if kept:
        name = path[-1] if path and isinstance(path[-1], str) else "rows"
        return _with_first(result, path, kept), (
            f"Only the first {kept} of {len(rows)} {name} are here, for brevity; the person is"
            " shown them all. For others, ask for less or for another part."
        )
    text = _dumps(result)
    short = text.encode()[: budget * 4].decode(errors="ignore")
    return {"beginning": short}, f"Cut: {len(text)} characters in all; ask for less."


def _most_that_fit(result: Any, path: Path, count: int, budget: int) -> int:
    least, most = 0, count
    while least < most:
        middle = (least + most + 1) // 2
        if estimate_tokens(_dumps(_with_first(result, path, middle))) <= budget:
            least = middle
        else:
            most = middle - 1
    return least


def _lists(value: Any, path: Path = ()) -> Iterator[tuple[Path, list[Any]]]:
    """Every list within, but for those in a list: cutting these would leave rows of two kinds."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _lists(inner, (*path, name))


def _with_first(value: Any, path: Path, count: int) -> Any:
    """The value with only so many rows of the list at `path`."""
    if not path:
        return value[:count]
    return {**value, path[0]: _with_first(value[path[0]], path[1:], count)}


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

"""A tool's result as the model reads it: within a budget, and marked as data from outside.

The person sees the whole result. The model needs to know how many rows there are, what the first
ones say, and how to get the others. A result comes from outside and may hold sentences that look
like instructions, or like this program's own notes. So all of it stands under one key, which the
system prompt names, and as a JSON value it can't end that place by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from app.agent.usage import estimate_tokens

RESULT_TOKENS = 2_000
_LEAST_TOKENS = 50
_BESIDE_TOKENS = 60  # about what the note costs that says what is missing
UNTRUSTED_KEY = "untrusted_data"

Path = tuple[str | int, ...]


def render_for_model(
    result: Any, notes: Sequence[str] = (), budget: int = RESULT_TOKENS, source: str = ""
) -> str:
    """Render a result as JSON of about `budget` tokens, with this program's notes beside it.

    `source` is the server's name, where the tool's name has one.
    """
    if estimate_tokens(_dumps(result)) > budget:
        result, note = _shorten(result, budget)
        notes = [*notes, note]
    beside = {"from": source, "note": " ".join(notes)}
    return _dumps({UNTRUSTED_KEY: result} | {name: text for name, text in beside.items() if text})


def mark_untrusted(value: Any, note: str) -> str:
    """Render what comes from outside with a note of this program."""
    return _dumps({UNTRUSTED_KEY: value, "note": note})


def shorten_rendered(text: str, most_bytes: int) -> str:
    """Shorten a rendered result, or return it as it is if it isn't one or can't become shorter."""
    try:
        rendered = json.loads(text)
        result = rendered[UNTRUSTED_KEY]
    except (ValueError, LookupError, TypeError):
        return text
    notes = [rendered["note"]] if rendered.get("note") else []
    budget = max(most_bytes // 4 - _BESIDE_TOKENS, _LEAST_TOKENS)
    shorter = render_for_model(result, notes, budget, rendered.get("from", ""))
    return min(text, shorter, key=len)


def render_refusal(error: str, source: str = "") -> str:
    """Render why a call was not made: this program's own word, which the model may act on.

    What quotes another party's schema is data from outside nonetheless.
    """
    if not source:
        return _dumps({"error": error})
    note = "The call was not made. Correct it by what is said here, or do without."
    return render_for_model({"error": error}, [note], source=source)


def _shorten(result: Any, budget: int) -> tuple[Any, str]:
    """Keep the first rows of the largest list, or else the beginning of the text, and say so."""
    path, rows = max(_lists(result), key=lambda found: len(_dumps(found[1])), default=((), []))
    kept = _count_that_fits(result, path, len(rows), budget)
    if kept:
        name = path[-1] if path and isinstance(path[-1], str) else "rows"
        return _with_first(result, path, kept), (
            f"Only the first {kept} of {len(rows)} {name} are here, for brevity; the person is"
            " shown them all. For others, ask for less or for another part."
        )
    text = _dumps(result)
    short = text.encode()[: budget * 4].decode(errors="ignore")
    return {"beginning": short}, f"Cut: {len(text)} characters in all; ask for less."


def _count_that_fits(result: Any, path: Path, count: int, budget: int) -> int:
    """Find by bisection how many rows of the list at `path` fit into the budget."""
    least, most = 0, count
    while least < most:
        middle = (least + most + 1) // 2
        if estimate_tokens(_dumps(_with_first(result, path, middle))) <= budget:
            least = middle
        else:
            most = middle - 1
    return least


def _lists(value: Any, path: Path = ()) -> Iterator[tuple[Path, list[Any]]]:
    """Yield every list with its path, but none within a list: rows are kept whole."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _lists(inner, (*path, name))


def _with_first(value: Any, path: Path, count: int) -> Any:
    """Copy the value with only the first `count` rows of the list at `path`."""
    if not path:
        return value[:count]
    return {**value, path[0]: _with_first(value[path[0]], path[1:], count)}


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

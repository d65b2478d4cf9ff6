"""What every template may use, beside what Flask gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from flask import Flask

from app.agent.events import DisplayPart, ToolCallUpdate
from app.config import Settings
from app.db.models import new_id
from app.llm.prices import Prices
from app.rendering import numbers
from app.rendering.question_text import read_question
from app.rendering.statuses import status_words
from app.tools.naming import other_party
from app.tools.registry import ToolRegistry

# Sanitised: an attribute's value has no quotes in it.
_CARD = re.compile(r'<\w+ class="[^"]*\bshow-card\b')


def init_app(app: Flask, settings: Settings, prices: Prices, registry: ToolRegistry) -> None:
    """Set how templates treat white space, and add the filters `pretty`, `pretty_start`,
    `in_words`, `count_cards`, `other_party`, `next`, `read_question`, `status_words` and those of
    numbers, and the globals `new_id`, `settings` and `prices`."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["pretty"] = _pretty
    app.jinja_env.filters["pretty_start"] = _pretty_start
    app.jinja_env.filters["other_party"] = partial(
        other_party, our_services=settings.tool_services.keys()
    )
    app.jinja_env.filters["in_words"] = partial(_in_words, registry)
    app.jinja_env.filters["count_cards"] = _count_cards
    app.jinja_env.filters["next"] = next
    app.jinja_env.filters |= {
        "read_question": read_question,
        "count_of": numbers.count,
        "dollars": numbers.dollars,
        "duration": numbers.duration,
        "status_words": status_words,
    }
    app.jinja_env.globals |= {"new_id": new_id, "settings": settings, "prices": prices}


def _in_words(registry: ToolRegistry, call: ToolCallUpdate) -> str:
    """Return a call in one line for people, as far as it has come."""
    return registry.describe_call(call.tool, call.arguments, done=call.status == "completed")


def _count_cards(parts: Iterable[DisplayPart]) -> int:
    """Return how many cards the HTML among display parts has: many are folded to the first few."""
    return sum(len(_CARD.findall(part.text)) for part in parts if part.kind == "html")


def _pretty(value: Any, indent: int | None = 2) -> str:
    """Format a value as JSON, in one line if `indent` is 0. Jinja escapes it."""
    return json.dumps(value, ensure_ascii=False, indent=indent or None)


def _pretty_start(value: Any, limit: int = 4000) -> tuple[str, bool]:
    """Format the first `limit` characters of a value as JSON, and return whether that is all.

    A large result would take half a second to format as a whole.
    """
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        text += piece[: limit + 1]
        if len(text) > limit:
            return text[:limit], False
    return text, True

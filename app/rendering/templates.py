"""What every template may use, beside what Flask gives it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from flask import Flask

from app.config import Settings
from app.db.models import new_id
from app.llm.prices import Prices
from app.rendering import numbers
from app.rendering.question_text import read_question
from app.tools.naming import other_party


def init_app(app: Flask, settings: Settings, prices: Prices) -> None:
    """Set how templates treat white space, and add the filters `pretty`, `pretty_start`,
    `other_party`, `next`, `read_question` and those of numbers, and the globals `new_id`,
    `settings` and `prices`."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["pretty"] = _pretty
    app.jinja_env.filters["pretty_start"] = _pretty_start
    app.jinja_env.filters["other_party"] = partial(
        other_party, our_services=settings.tool_services.keys()
    )
    app.jinja_env.filters["next"] = next
    app.jinja_env.filters |= {
        "read_question": read_question,
        "count_of": numbers.count,
        "dollars": numbers.dollars,
        "duration": numbers.duration,
    }
    app.jinja_env.globals |= {"new_id": new_id, "settings": settings, "prices": prices}


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

"""What a tool shows people and suggests to them, while its result is for the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from flask import render_template

from tool_services.framework.scopes import SUGGESTIONS_META_KEY, WORDS_META_KEY

MOST_SUGGESTIONS = 4
LONGEST_SUGGESTION = LONGEST_WORDS = 80
"""Characters of one question, and of a result in words. The app ignores longer ones."""


@dataclass(frozen=True)
class DisplayPart:
    """Something for people to look at.

    `name` is a file name. HTML may use the classes that docs/tools.md lists, and images with
    data: URLs. The app removes everything else.
    """

    name: str
    media_type: Literal["text/html", "text/csv"]
    text: str

    def content_block(self, service: str) -> dict[str, Any]:
        """Return the part as a content block of the Model Context Protocol."""
        return {
            "type": "resource",
            "resource": {
                "uri": f"ui://{service}/{self.name}",
                "mimeType": self.media_type,
                "text": self.text,
            },
            "annotations": {"audience": ["user"]},
        }


def card(template: str, **values: Any) -> DisplayPart:
    """Return one of the service's templates as HTML. Needs the service's app context."""
    return DisplayPart(template, "text/html", render_template(template, **values))


def people_meta(questions: Iterable[str], words: str) -> dict[str, Any]:
    """Return what a result says to people beside its parts: the questions that it suggests, and
    what came of the call in words. Empty if it says nothing."""
    short = [question for question in questions if 0 < len(question) <= LONGEST_SUGGESTION]
    meta: dict[str, Any] = {SUGGESTIONS_META_KEY: short[:MOST_SUGGESTIONS]} if short else {}
    if 0 < len(words) <= LONGEST_WORDS:
        meta[WORDS_META_KEY] = words
    return {"_meta": meta} if meta else {}

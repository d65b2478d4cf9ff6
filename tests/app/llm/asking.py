"""Asking a model, in the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

from app.agent.events import Content
from app.agent.messages import Message, ToolSpec, Turn
from app.errors import ModelError
from app.llm.model_client import ModelClient

Build = Callable[..., ModelClient]
Ask = Callable[..., tuple[list[str], Turn]]

MESSAGES = [Message("user", "Hi")]
TOOL = ToolSpec("find", "Finds things.", {"type": "object"})


def ask_all(model: ModelClient) -> tuple[list[str], Turn]:
    """The chunks of text of a reply that succeeds, and its turn."""
    chunks: list[str] = []
    stream = model.stream(MESSAGES, [TOOL])
    while True:
        try:
            piece = next(stream)
            if isinstance(piece, Content):
                chunks.append(piece.chunk)
        except StopIteration as end:
            turn: Turn = end.value
            return chunks, turn


def failure(model: ModelClient) -> tuple[str, ModelError]:
    """The text before a reply failed, and its error."""
    text = ""
    try:
        for piece in model.stream(MESSAGES, []):
            text += piece.chunk if isinstance(piece, Content) else ""
    except ModelError as error:
        return text, error
    raise AssertionError(f"it did not fail, and wrote {text!r}")

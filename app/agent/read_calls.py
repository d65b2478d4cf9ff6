"""Reads the calls that a model asks for, before any of them is made."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gevent

from app.agent.argument_readings import describe_readings
from app.agent.messages import ToolRequest, parse_arguments
from app.agent.toolbox import Toolbox
from app.errors import CallRefused, ToolFailure

log = logging.getLogger(__name__)

UNFORESEEN = "The tool failed in an unexpected way."


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call with the arguments to make it with. `repairs` says how they differ from what the model
    wrote. With a `refusal`, the call can't be made."""

    request: ToolRequest
    arguments: dict[str, Any]
    repairs: tuple[str, ...] = ()
    refusal: ToolFailure | None = None

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def key(self) -> str:
        return call_key(self.name, self.arguments)


def call_key(name: str, arguments: dict[str, Any]) -> str:
    """Return a text that is the same for calls of the same tool with the same arguments."""
    return json.dumps([name, arguments], sort_keys=True)


def read_calls(calls: Sequence[ToolRequest], tools: Toolbox) -> list[ReadCall]:
    """Read all calls, side by side: another party's schema is checked in another process."""
    readers = [gevent.spawn(_read, call, tools) for call in calls]
    try:
        return [reader.get() for reader in readers]
    finally:
        gevent.killall(readers)


def _read(call: ToolRequest, tools: Toolbox) -> ReadCall:
    written = parse_arguments(call.arguments)
    if written is None:
        refusal = CallRefused("The arguments are not a JSON object; send one.")
        return ReadCall(call, {}, refusal=refusal)
    try:
        arguments = tools.read_arguments(call.name, written)
    except ToolFailure as failure:
        return ReadCall(call, written, refusal=failure)
    except Exception:
        # A call without an end would keep its run waiting.
        log.exception("the arguments of %s could not be read", call.name)
        return ReadCall(call, written, refusal=ToolFailure(UNFORESEEN))
    return ReadCall(call, arguments, describe_readings(written, arguments))

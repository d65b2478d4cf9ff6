"""A tool as a value: its name, its schemas, and the function that answers a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypedDict

from tool_services.framework.arguments import read_arguments
from tool_services.framework.schemas import JsonObject, ToolArguments, ToolResult
from tool_services.framework.scopes import SCOPE_META_KEY
from tool_services.framework.tokens import Caller


@dataclass(frozen=True)
class DisplayPart:
    """Something for people to look at, while the result is for the model.

    `name` is a file name. HTML may use the classes that docs/tools.md lists, and images with
    data: URLs. The app removes everything else.
    """

    name: str
    media_type: Literal["text/html", "text/csv"]
    text: str

    def content_block(self, service: str) -> JsonObject:
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


def _nothing() -> Sequence[DisplayPart]:
    return ()


@dataclass(frozen=True)
class ToolOutput:
    """The outcome of a call.

    `render` makes the display parts. It is called only where people will see them.
    """

    result: ToolResult
    render: Callable[[], Sequence[DisplayPart]] = _nothing


class Annotations(TypedDict):
    """Hints of the Model Context Protocol on the effects of a call."""

    title: str
    readOnlyHint: bool
    idempotentHint: bool
    destructiveHint: bool
    openWorldHint: bool


@dataclass(frozen=True)
class Tool:
    """A tool.

    `handler(arguments, caller)` gets an `arguments_type`. It returns an output whose result is a
    `result_type`, or raises a ServiceError. `previewer` takes the same and shows what a call
    would do, without doing it. A client must have all `client_capabilities` of the Model Context
    Protocol to call the tool.

    A call's token must grant `scope`, named for what the tool does: `listings:read`. `peer_scopes`
    are those that the tool needs at other services.
    """

    name: str
    description: str
    arguments_type: type[ToolArguments]
    result_type: type[ToolResult]
    annotations: Annotations
    handler: Callable[[Any, Caller], ToolOutput]
    previewer: Callable[[Any, Caller], Sequence[DisplayPart]] | None = None
    client_capabilities: tuple[str, ...] = ()
    scope: str = field(kw_only=True)
    peer_scopes: tuple[str, ...] = ()

    @property
    def is_read_only(self) -> bool:
        return self.annotations["readOnlyHint"]

    @cached_property
    def definition(self) -> JsonObject:
        """The tool as a list of tools contains it."""
        return {
            "name": self.name,
            "title": self.annotations["title"],
            "description": self.description,
            "inputSchema": self.arguments_type.json_schema(),
            "outputSchema": self.result_type.json_schema(),
            "annotations": dict(self.annotations),
            "_meta": {SCOPE_META_KEY: " ".join((self.scope, *self.peer_scopes))},
        }

    def call(self, arguments: object, caller: Caller) -> ToolOutput:
        """Check the arguments and run the tool. Raises ServiceError."""
        return self.handler(read_arguments(self.arguments_type, arguments), caller)

    def preview(self, arguments: object, caller: Caller) -> Sequence[DisplayPart]:
        """Check the arguments and show what a call would do. Raises ServiceError."""
        checked = read_arguments(self.arguments_type, arguments)
        return self.previewer(checked, caller) if self.previewer else ()


def read_only(title: str) -> Annotations:
    """Return the annotations of a tool that only reads what its service knows."""
    return Annotations(
        title=title,
        readOnlyHint=True,
        idempotentHint=True,
        destructiveHint=False,
        openWorldHint=False,
    )

"""A tool: a function with type hints, and what a model and the app are told about it."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self, TypedDict, Unpack

from pydantic.alias_generators import to_camel

from tool_services.framework.argument_digest import argument_digest
from tool_services.framework.arguments import read_arguments
from tool_services.framework.display import DisplayPart
from tool_services.framework.once import Call, do_once
from tool_services.framework.progress import Follower, Progress
from tool_services.framework.running import running
from tool_services.framework.schemas import JsonObject, ToolArguments, ToolResult
from tool_services.framework.scopes import (
    EXAMPLES_META_KEY,
    SCOPE_META_KEY,
    WORDS_META_KEY,
    act_scope,
    read_scope,
)
from tool_services.framework.signatures import Signature, read_signature, result_type
from tool_services.framework.tokens import Caller
from tool_services.framework.words import unknown_arguments

Function = Callable[..., ToolResult]
Preview = Callable[..., Sequence[DisplayPart]]


@dataclass(eq=False)
class Tool:
    """A function as a tool, made by the decorator `tool`. `Options` explains most of the fields.

    `name` is what models call it, `title` what people see. `scope` is filled in by the service
    that offers the tool, unless it names one.
    """

    function: Function
    name: str
    title: str
    description: str
    signature: Signature = field(repr=False)
    result_type: type[ToolResult]
    reads_only: bool = False
    once_per_key: bool = False
    repeatable: bool = False
    reaches_out: bool = False
    destroys: bool = False
    examples: Sequence[str] = ()
    words: str = ""
    scope: str = ""
    peer_scopes: Sequence[str] = ()
    client_capabilities: Sequence[str] = ()
    previewer: tuple[Preview, Signature] | None = None

    def preview(self, function: Preview) -> Preview:
        """Let a function show what a call would do, without doing it: `@open_ticket.preview`.

        It has the parameters of the tool, and returns display parts.
        """
        signature = read_signature(function)
        if signature.arguments_type.model_fields.keys() != self.arguments_type.model_fields.keys():
            raise TypeError(f"{function.__qualname__} must have the parameters of {self.name}.")
        self.previewer = (function, signature)
        return function

    def of_service(self, service: str) -> Self:
        """Return the tool as the service with this name offers it."""
        own = read_scope(service) if self.reads_only else act_scope(service, self.name)
        return replace(self, scope=self.scope or own)

    @property
    def arguments_type(self) -> type[ToolArguments]:
        return self.signature.arguments_type

    @cached_property
    def definition(self) -> JsonObject:
        """The tool as a list of tools contains it."""
        meta: JsonObject = {SCOPE_META_KEY: " ".join((self.scope, *self.peer_scopes))}
        if self.examples:
            meta[EXAMPLES_META_KEY] = list(self.examples)
        if self.words:
            meta[WORDS_META_KEY] = self.words
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.arguments_type.json_schema(),
            "outputSchema": self.result_type.json_schema(),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads_only,
                "idempotentHint": self.reads_only or self.once_per_key or self.repeatable,
                "destructiveHint": self.destroys,
                "openWorldHint": self.reaches_out,
            },
            "_meta": meta,
        }

    @property
    def reports_progress(self) -> bool:
        """Whether the function may say how far it is."""
        return bool(self.signature.progress)

    def call(
        self, arguments: object, caller: Caller, follower: Follower | None = None
    ) -> ToolResult:
        """Check the arguments and run the tool. Raises ServiceError.

        `follower` is told what the function tells of its progress.
        """
        checked = read_arguments(self.arguments_type, arguments)
        values = self.signature.values(checked, caller, Progress(self.name, follower))
        if not self.once_per_key:
            return self.function(**values)
        digest = argument_digest(checked.model_dump(mode="json"))
        call = Call(
            *(caller.user_id, self.name, caller.idempotency_key or uuid.uuid4().hex, digest),
            seconds=running().settings.tool_timeout,
            reaches_out=self.reaches_out,
        )
        result = do_once(running().database, call, lambda: self.function(**values).as_json())
        return self.result_type.model_validate(result)

    def show_preview(self, arguments: object, caller: Caller) -> Sequence[DisplayPart]:
        """Check the arguments and show what a call would do. Raises ServiceError."""
        checked = read_arguments(self.arguments_type, arguments)
        if self.previewer is None:
            return ()
        function, signature = self.previewer
        return function(**signature.values(checked, caller, Progress(self.name)))


class Options(TypedDict, total=False):
    """What a tool says of itself, beside what follows from its function."""

    reads_only: bool
    """Without it, a call waits for its person's approval."""
    once_per_key: bool
    """A repeated call returns the first one's result. The function must not commit, and does what
    takes long before it writes: SQLite has one writer at a time, and the others wait for it."""
    repeatable: bool
    """The function itself recognises a repeated call, by `caller.idempotency_key`."""
    reaches_out: bool
    """It does what no transaction undoes, such as sending something. With `once_per_key`, it raises
    a ServiceError only if it has done nothing; after another failure it isn't done again."""
    destroys: bool
    examples: Sequence[str]
    """Questions for which a model calls it."""
    words: str
    """A call in one line for people, such as "Searching|Searched notes[ about {text}] · from
    {firstYear} on": see framework/words.py."""
    scope: str
    """What a call's token needs, if not `<service>:read` or `<service>:<tool>`."""
    peer_scopes: Sequence[str]
    """What it needs at other services."""
    client_capabilities: Sequence[str]
    """What a client must have, of the Model Context Protocol."""


def tool(
    *, title: str = "", ask_first: bool | None = None, **options: Unpack[Options]
) -> Callable[[Function], Tool]:
    """Make a tool of a function.

    Its parameters are the arguments, in camelCase for the model: type hints say what is allowed,
    and a text or a pydantic Field in `Annotated` what they mean. One parameter may be a
    ToolArguments with all of them instead. A parameter of the type Caller is given who calls, and
    one of the type Progress can say how far the call is. It returns a ToolResult. The first
    paragraph of its docstring is for the model. People see `title`, or the function's name as
    words. `ask_first=True` says to readers of the code what is so anyway.
    """
    reads_only = options.get("reads_only", False)
    if reads_only and (ask_first or options.get("once_per_key")):
        raise TypeError("A tool that only reads is neither asked first nor done once per key.")
    if not reads_only and ask_first is False:
        raise TypeError("A tool that changes something is asked first. See the setting APPROVALS.")

    def make(function: Function) -> Tool:
        name = function.__name__.replace("_", " ").strip()
        signature = read_signature(function)
        _check_words(function, options.get("words", ""), signature.arguments_type)
        return Tool(
            function=function,
            name=to_camel(function.__name__),
            title=title or name[:1].upper() + name[1:],
            description=_description(function),
            signature=signature,
            result_type=result_type(function),
            **options,
        )

    return make


def _check_words(function: Function, words: str, arguments: type[ToolArguments]) -> None:
    """Raise TypeError if the line for people names an argument that there isn't."""
    unknown = unknown_arguments(words, map(to_camel, arguments.model_fields))
    if unknown:
        named = ", ".join(unknown)
        raise TypeError(f"The words of {function.__qualname__} name no argument of it: {named}.")


def _description(function: Function) -> str:
    """Return the first paragraph of the docstring. Raises TypeError if there is none."""
    text = inspect.getdoc(function) or ""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    if not paragraph:
        raise TypeError(
            f"{function.__qualname__} needs a docstring that tells models what it does."
        )
    return paragraph

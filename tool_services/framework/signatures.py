"""The arguments of a tool, read from the type hints of its function."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import Field, create_model

from tool_services.framework.progress import Progress
from tool_services.framework.schemas import NotNull, ToolArguments, ToolResult
from tool_services.framework.tokens import Caller


@dataclass(frozen=True)
class Signature:
    """How to call a function with checked arguments and what the framework gives it.

    `whole` is the name of a parameter that takes all the arguments as one ToolArguments, `caller`
    that of the one that takes who calls, and `progress` that of the one that takes a Progress.
    Each may be "".
    """

    arguments_type: type[ToolArguments]
    whole: str
    caller: str
    progress: str

    def values(
        self, arguments: ToolArguments, caller: Caller, progress: Progress
    ) -> dict[str, Any]:
        """Return what to call the function with."""
        names = type(arguments).model_fields
        found = {name: getattr(arguments, name) for name in names}
        if self.whole:
            found = {self.whole: arguments}
        given = {self.caller: caller, self.progress: progress}
        return found | {name: value for name, value in given.items() if name}


def read_signature(function: Callable[..., Any]) -> Signature:
    """Return the signature of a tool's function. Raises TypeError for one without type hints."""
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    if missing := [name for name in parameters if name not in hints]:
        raise TypeError(f"{function.__qualname__} needs type hints for {', '.join(missing)}.")
    caller, progress = (
        next((name for name in parameters if hints[name] is kind), "")
        for kind in (Caller, Progress)
    )
    named = {name: each for name, each in parameters.items() if name not in (caller, progress)}
    if len(named) == 1:
        [name] = named
        if inspect.isclass(hints[name]) and issubclass(hints[name], ToolArguments):
            return Signature(hints[name], name, caller, progress)
    empty = inspect.Parameter.empty
    fields: dict[str, Any] = {
        name: (_field(hints[name]), ... if each.default is empty else each.default)
        for name, each in named.items()
    }
    title = f"{function.__name__.title().replace('_', '')}Arguments"
    arguments_type = create_model(title, __base__=ToolArguments, **fields)
    return Signature(arguments_type, "", caller, progress)


def result_type(function: Callable[..., Any]) -> type[ToolResult]:
    """Return the model that the function returns. Raises TypeError if it isn't a ToolResult."""
    returned = get_type_hints(function).get("return")
    if not (inspect.isclass(returned) and issubclass(returned, ToolResult)):
        raise TypeError(f"{function.__qualname__} must say that it returns a ToolResult.")
    return returned


def _field(hint: Any) -> Any:
    """Return the hint for pydantic: a text is a description, and what may be left out is not null.

    A model that may write null writes it for everything it doesn't know.
    """
    bare, *metadata = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    kept = [
        Field(description=each) if isinstance(each, str) else each
        for each in metadata
        if type(each) is not NotNull
    ]
    if get_origin(bare) in (Union, types.UnionType) and type(None) in get_args(bare):
        kept.insert(0, NotNull())
    return Annotated[(bare, *kept)] if kept else bare

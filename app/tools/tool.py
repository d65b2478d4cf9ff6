"""A tool as its server describes it: what the model is offered, and checks of a call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import mcp_types

from app.agent.messages import ToolSpec
from app.errors import ToolFailure
from app.tools.argument_example import example_arguments
from app.tools.argument_repair import drop_meaningless, repair
from app.tools.naming import mark_as_theirs
from app.tools.untrusted.checks import Checks, Mistake
from app.tools.untrusted.limits import MAX_SCHEMA_CHARS
from app.tools.untrusted.responses import one_line
from tool_services.framework.scopes import (
    EXAMPLES_META_KEY,
    SCOPE_META_KEY,
    WORDS_META_KEY,
    may_only_read,
)
from tool_services.framework.words import (
    BETWEEN,
    LONGEST_LINE,
    call_in_words,
    shorten,
    value_in_words,
)

MAX_DESCRIPTION_CHARS = 1024  # what a model's endpoint takes
MAX_LABEL_CHARS = 200
MAX_EXAMPLES = 3
_TOLD_ARGUMENTS = 8
_SCOPE = re.compile("[a-z][a-z0-9-]{0,30}:[a-z][a-z0-9-]{0,30}")

# How long texts and lists may be: a model doesn't count, and hardly ever comes near.
_LENGTHS = {"minLength", "maxLength", "minItems", "maxItems", "uniqueItems"}
# What no model goes beyond by itself: nobody asks for fewer than no rooms.
_PLAIN_LOWEST = {"minimum", "exclusiveMinimum"}
_PLAIN_HIGHEST = {"maximum", "exclusiveMaximum"}
_FAR = 1000

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Tool:
    """A tool of one server. `schema` is the JSON Schema of its arguments.

    The model and people see `name`; the server itself calls it `remote_name`. `ours` says whether
    the server is a service of ours, whose annotations can be believed. `scopes` are what the token
    of a call must grant beside `tools:call`. `examples` are questions for which a model calls it.
    `words` is the line that tells a call to people, with its arguments to be put in.
    """

    server: str
    name: str
    remote_name: str
    description: str
    schema: JsonObject
    output_schema: JsonObject | None
    annotations: mcp_types.ToolAnnotations
    ours: bool
    checks: Checks = field(compare=False, repr=False)
    scopes: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    words: str = ""

    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.marked_description, self._brief_schema)

    @cached_property
    def _brief_schema(self) -> JsonObject:
        return brief_schema(self.schema)

    @property
    def marked_description(self) -> str:
        """The description, which says of another party's tool whose it is."""
        if self.ours:
            return self.description
        return f"{mark_as_theirs(self.server)}: {self.description}"[:MAX_DESCRIPTION_CHARS]

    def read_arguments(self, arguments: JsonObject) -> tuple[JsonObject, list[Mistake]]:
        """The arguments as a call is made with them, and what is wrong with them.

        Those of a model are repaired where that makes them right. Raises ToolFailure if they can't
        be checked.
        """
        mistakes = self.argument_mistakes(arguments)
        if mistakes:
            read = repair(self.schema, arguments, guess=self.says_it_only_reads)
        elif self.says_it_only_reads:
            read = drop_meaningless(self.schema, arguments)
        else:
            read = arguments
        if read == arguments:
            return arguments, mistakes
        left = self.argument_mistakes(read)
        return (arguments, left if mistakes else []) if left else (read, [])

    def right_example(self, arguments: JsonObject) -> JsonObject | None:
        """Arguments that the tool takes, as like the given ones as may be; None if none are
        found."""
        example = example_arguments(self.schema, arguments)
        return None if self.argument_mistakes(example) else example

    def argument_mistakes(self, arguments: JsonObject) -> list[Mistake]:
        """How arguments differ from the tool's schema, formats included. Raises ToolFailure if they
        can't be checked."""
        return self.checks.find_mistakes(self.schema, arguments, formats=True)

    def result_mistakes(self, result: Any) -> list[Mistake]:
        """How a result differs from what the tool's description promises. Raises ToolFailure if it
        can't be checked."""
        if self.output_schema is None:
            return []
        return self.checks.find_mistakes(self.output_schema, result, formats=False)

    @property
    def fields(self) -> dict[str, JsonObject]:
        """The schema of each argument by its name, where the schema lists them."""
        named = self.schema.get("properties")
        fields = named if isinstance(named, dict) else {}
        return {name: field for name, field in fields.items() if isinstance(field, dict)}

    @property
    def title(self) -> str:
        """The tool's name for people. Another party's begins with its server's name."""
        title = (self.annotations.title or self.remote_name)[:MAX_LABEL_CHARS]
        return title if self.ours else f"{mark_as_theirs(self.server)}: {one_line(title)}"

    def in_words(self, arguments: JsonObject, *, done: bool) -> str:
        """A call of it in one line for people: in its service's words, or else its title and the
        arguments. A server of another party's is named beside the line."""
        if self.words and (line := call_in_words(self.words, arguments, done=done)):
            return one_line(line)
        labels = self.labels if self.ours else {}
        title = (self.annotations.title or self.remote_name)[:MAX_LABEL_CHARS]
        return default_words(title, arguments, labels)

    @property
    def labels(self) -> dict[str, str]:
        """The name of each argument for people, by its name in the schema.

        Another party might call an argument what it isn't, so its name in the call comes first,
        and signs that turn the direction of writing are left out.
        """
        labels = {
            name: str(field.get("title") or field.get("description") or name)[:MAX_LABEL_CHARS]
            for name, field in self.fields.items()
        }
        if self.ours:
            return labels
        return {
            name: name if label == name else f"{name} ({self.server} calls it “{one_line(label)}”)"
            for name, label in labels.items()
        }

    @property
    def runs_unasked(self) -> bool:
        """Whether calls need no approval unless the operator wants one."""
        return self.ours and self.says_it_only_reads

    @property
    def says_it_only_reads(self) -> bool:
        """Whether its server says so, which only services of ours are believed."""
        return self.annotations.read_only_hint is True

    @property
    def repeatable(self) -> bool:
        """Whether calling the tool twice does no more than calling it once. Our own services
        recognise a repeated call by its key; others have to say so."""
        hints = self.annotations
        return bool(self.ours or hints.read_only_hint or hints.idempotent_hint)


def brief_schema(schema: JsonObject) -> JsonObject:
    """Return a schema without what a model does well without: every request carries all of them.

    The whole schema is what arguments are checked by, and a mistake is told with its limit.
    """
    kept = {key: value for key, value in schema.items() if not _says_little(key, value)}
    if isinstance(properties := kept.get("properties"), dict):
        kept["properties"] = {name: _brief(field) for name, field in properties.items()}
    if "items" in kept:
        kept["items"] = _brief(kept["items"])
    return kept


def _says_little(key: str, value: Any) -> bool:
    """Return whether a keyword of a schema, with this value, tells a model nothing that it needs.

    A title is for people; what it has to say to a model is in the name and the description.
    """
    if key in _PLAIN_LOWEST:
        return bool(value == 0)
    if key in _PLAIN_HIGHEST:
        return isinstance(value, int | float) and value >= _FAR
    if key == "additionalProperties":
        return value is False
    return key in _LENGTHS or (key == "title" and isinstance(value, str))


def _brief(schema: Any) -> Any:
    return brief_schema(schema) if isinstance(schema, dict) else schema


@lru_cache(maxsize=1024)
def make_tool(server: str, name: str, description: str, checks: Checks, *, ours: bool) -> Tool:
    """Make a tool from the JSON text that describes it. Raises ValueError with the reason if it
    can't be offered.

    Checking a schema takes a while and descriptions hardly ever change, so each is checked once.
    """
    described = mcp_types.Tool.model_validate_json(description, by_name=False)
    _check_schemas(described, checks)
    return Tool(
        server,
        name,
        described.name,
        (described.description or described.title or "")[:MAX_DESCRIPTION_CHARS],
        described.input_schema,
        described.output_schema,
        described.annotations or mcp_types.ToolAnnotations(),
        ours,
        checks,
        _scopes(described) if ours else (),
        _examples(described) if ours else (),
        _words(described) if ours else "",
    )


def default_words(
    title: str, arguments: JsonObject, labels: Mapping[str, str] | None = None
) -> str:
    """Return a call in one line, such as "Find notes · Words: x", where nothing says how else."""
    names = labels or {}
    pieces = [title]
    for name, value in list(arguments.items())[:_TOLD_ARGUMENTS]:
        if told := value_in_words(value):
            pieces.append(f"{names.get(name, name)}: {told}")
    return one_line(shorten(BETWEEN.join(pieces), LONGEST_LINE))


def _scopes(described: mcp_types.Tool) -> tuple[str, ...]:
    """The scopes that a service of ours wants for its tool. Raises ValueError.

    A tool that says it only reads is called unasked, so it gets no scope to do more. Any other
    needs one that doesn't go with reading.
    """
    scopes = str((described.meta or {}).get(SCOPE_META_KEY, "")).split()
    reads = described.annotations and described.annotations.read_only_hint
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise ValueError(f"its scope {scope[:40]!r} is not of the form notes:read")
        if reads and not may_only_read(scope):
            raise ValueError(f"it says that it only reads, but wants the scope {scope}")
    if scopes and not reads and may_only_read(scopes[0]):
        raise ValueError(f"it does more than read, but wants the scope {scopes[0]}")
    return tuple(dict.fromkeys(scopes))


def _examples(described: mcp_types.Tool) -> tuple[str, ...]:
    """Return the questions that a service of ours names for its tool, the first few."""
    named = (described.meta or {}).get(EXAMPLES_META_KEY)
    texts = [one_line(each) for each in named] if isinstance(named, list) else []
    return tuple(text for text in texts if 0 < len(text) <= MAX_LABEL_CHARS)[:MAX_EXAMPLES]


def _words(described: mcp_types.Tool) -> str:
    """Return the line in which a service of ours tells a call of its tool, if it isn't too long."""
    words = (described.meta or {}).get(WORDS_META_KEY)
    return words if isinstance(words, str) and len(words) <= 2 * LONGEST_LINE else ""


def _check_schemas(described: mcp_types.Tool, checks: Checks) -> None:
    for schema in filter(None, (described.input_schema, described.output_schema)):
        if len(json.dumps(schema)) > MAX_SCHEMA_CHARS:
            raise ValueError(f"its schema has more than {MAX_SCHEMA_CHARS} characters")
        try:
            problem = checks.schema_problem(schema)
        except ToolFailure as failure:
            problem = failure.message
        if problem:
            raise ValueError(f"its schema can't be used: {problem}")

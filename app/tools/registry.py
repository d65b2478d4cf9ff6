"""Which tools there are: every server's, as it last told, under names that the model can call."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import gevent
import mcp_types
import requests
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from app.agent.messages import ToolSpec
from app.config import McpServer
from app.errors import ToolFailure
from app.tools.mcp_client import McpClient

log = logging.getLogger(__name__)

LIST_SCOPE = "tools:list"
OUTBOX_CAPABILITY = "homestream/outbox"
PREVIEW_CAPABILITY = "homestream/preview"
# Who asks a service for its tools: the app itself, on nobody's behalf.
APP_ITSELF = "homestream"
RETRY_DOWN_SECONDS = 1.0
# For how long a list of tools is kept whose server doesn't say, and at most, whatever it says.
KEPT_SECONDS = 60.0
LONGEST_KEPT_SECONDS = 3600.0
# What a request to a model may carry.
MOST_TOOLS = 128
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1024
LARGEST_SCHEMA = 16_000  # characters of JSON

Mint = Callable[[str, str, str], str]
"""A token for (user id, audience, scope)."""


@dataclass(frozen=True)
class Tool:
    """A tool as its server describes it; `schema` is the JSON Schema of its arguments.

    `name` is what the model and the person see, `remote_name` what the server calls it.
    """

    service: str
    name: str
    remote_name: str
    description: str
    schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    annotations: mcp_types.ToolAnnotations

    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.description, self.schema)

    def mistakes(self, arguments: dict[str, Any]) -> str:
        """What is wrong with the arguments, in words the model can mend them by; "" if nothing."""
        return _mistakes(self.schema, arguments, "arguments")

    def broken_promises(self, result: Any) -> str:
        """Where a result is other than the tool said it would be; "" if nowhere."""
        return _mistakes(self.output_schema, result, "result") if self.output_schema else ""

    def fields(self) -> dict[str, dict[str, Any]]:
        """The schema of each argument by its name, as far as it is an ordinary one."""
        named = self.schema.get("properties")
        fields = named if isinstance(named, dict) else {}
        return {name: field for name, field in fields.items() if isinstance(field, dict)}

    @property
    def title(self) -> str:
        """What to call it before people."""
        return self.annotations.title or self.remote_name

    @property
    def reaches_out(self) -> bool:
        """Whether calling it may change something, or be seen, outside of what it belongs to.
        A server that doesn't say is taken to."""
        hints = self.annotations
        harmless = hints.destructive_hint is False and hints.open_world_hint is False
        return not (hints.read_only_hint or harmless)

    @property
    def repeatable(self) -> bool:
        """Whether calling it twice does no more than calling it once."""
        hints = self.annotations
        return bool(hints.read_only_hint or hints.idempotent_hint)


def _mistakes(schema: dict[str, Any], value: Any, whole: str) -> str:
    errors = Draft202012Validator(schema).iter_errors(value)
    return "; ".join(
        f"{error.json_path.lstrip('$.') or whole}: {error.message}" for error in errors
    )


@dataclass(frozen=True)
class ToolServer:
    """A server as it was when last asked; away, it keeps the tools that it had.

    `problem` is a sentence for the operator on what is wrong with it, or "".
    """

    name: str
    url: str
    client: McpClient
    outside: McpServer | None = None
    up: bool = False
    tools: tuple[Tool, ...] = ()
    has_outbox: bool = False
    has_preview: bool = False
    problem: str = ""
    fresh_until: float = 0.0

    @property
    def remembers_keys(self) -> bool:
        """Whether a call made again under its key is not done again; only our own promise it."""
        return self.outside is None


@dataclass
class ToolRegistry:
    """All servers, asked for their tools at start, when a list is too old, and whenever one
    comes back."""

    mint: Mint
    timeout: float
    check_interval: float
    servers: dict[str, ToolServer] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        urls: Mapping[str, str],
        servers: Mapping[str, McpServer],
        mint: Mint,
        *,
        timeout: float,
        check_interval: float,
    ) -> ToolRegistry:
        """`urls` are those of our own services, which take tokens that `mint` makes."""
        services = {
            name: ToolServer(name, url, McpClient(name, f"{url}/mcp", timeout))
            for name, url in urls.items()
        }
        for name, server in servers.items():
            client = McpClient(name, server.url, timeout)
            services[name] = ToolServer(name, server.url, client, outside=server)
        return cls(mint, timeout, check_interval, services)

    def watch(self) -> None:
        """Look after every server for ever: every `check_interval` seconds, sooner while one is
        away."""
        while True:
            self.refresh()
            away = any(not service.up for service in self.servers.values())
            gevent.sleep(
                min(RETRY_DOWN_SECONDS, self.check_interval) if away else self.check_interval
            )

    def refresh(self) -> None:
        """Look after every server once, side by side."""
        gevent.joinall([gevent.spawn(self._look_after, name) for name in self.servers])

    def find(self, tool_name: str) -> Tool | None:
        return next((tool for tool in self.tools() if tool.name == tool_name), None)

    def tools(self) -> list[Tool]:
        """The tools of the servers that are up, as many as a model can be offered."""
        every = (tool for service in self.servers.values() if service.up for tool in service.tools)
        return list(every)[:MOST_TOOLS]

    def headers(self, service: ToolServer, user_id: str, scope: str) -> dict[str, str]:
        """What proves to a server who asks."""
        if service.outside is None:
            token = self.mint(user_id, service.url, scope)
        elif service.outside.token is None:
            return {}
        else:
            token = service.outside.token.get_secret_value()
        return {"Authorization": f"Bearer {token}"}

    def mark_unavailable(self, name: str) -> None:
        self.servers[name] = replace(self.servers[name], up=False, fresh_until=0.0)

    def _look_after(self, name: str) -> None:
        before = self.servers[name]
        try:
            with gevent.Timeout(self.timeout):
                after = self._asked(before)
        except ToolFailure as error:
            after = self._away(before, error.message)
        except requests.RequestException as error:
            after = self._away(before, f"{name} can't be reached: {error}")
        except gevent.Timeout:
            after = self._away(before, f"{name} took over {self.timeout:g} seconds.")
        if after.up and not before.up:
            log.info("%s is up with %d tools", name, len(after.tools))
        self.servers[name] = after

    def _asked(self, before: ToolServer) -> ToolServer:
        if before.up and time.monotonic() < before.fresh_until:
            if before.outside is None:
                requests.get(f"{before.url}/health", timeout=self.timeout).close()
            return before
        headers = self.headers(before, APP_ITSELF, LIST_SCOPE)
        has_outbox, has_preview = before.has_outbox, before.has_preview
        if not before.up:
            extensions = before.client.connect(headers).extensions or {}
            has_outbox = before.outside is None and OUTBOX_CAPABILITY in extensions
            has_preview = before.outside is None and PREVIEW_CAPABILITY in extensions
        described, ttl = before.client.list_tools(headers)
        tools, left_out = self._accepted(before, described)
        kept = KEPT_SECONDS if ttl is None else min(ttl / 1000, LONGEST_KEPT_SECONDS)
        problem = "; ".join(left_out)
        if problem and problem != before.problem:
            log.warning("%s: %s", before.name, problem)
        return replace(
            before,
            up=True,
            tools=tuple(tools),
            has_outbox=has_outbox,
            has_preview=has_preview,
            problem=problem,
            fresh_until=time.monotonic() + kept,
        )

    def _accepted(
        self, service: ToolServer, described: list[mcp_types.Tool]
    ) -> tuple[list[Tool], list[str]]:
        """The tools that can be offered, and why others can't."""
        tools: list[Tool] = []
        left_out: list[str] = []
        allowed = service.outside.tools if service.outside else None
        taken = self._names_before(service)
        for one in described:
            if allowed is not None and one.name not in allowed:
                continue
            name = offered_name(service, one.name, taken)
            try:
                tools.append(_tool(service.name, name, one.model_dump_json(by_alias=True)))
            except ValueError as error:
                left_out.append(f"{one.name[:LONGEST_NAME]} is left out: {error}")
            else:
                taken[name] += 1
        missing = sorted(set(allowed or ()) - {one.name for one in described})
        left_out += [f"it has no tool {name}" for name in missing]
        return tools, left_out

    def _names_before(self, service: ToolServer) -> Counter[str]:
        """The names that servers named earlier in the settings have taken, away or not."""
        taken: Counter[str] = Counter()
        for name, other in self.servers.items():
            if name == service.name:
                break
            taken.update(tool.name for tool in other.tools)
        return taken

    def _away(self, before: ToolServer, problem: str) -> ToolServer:
        if before.up or problem != before.problem:
            log.warning("%s is away: %s", before.name, problem)
        return replace(before, up=False, problem=problem, fresh_until=0.0)

    def __iter__(self) -> Iterator[ToolServer]:
        return iter(self.servers.values())


def offered_name(service: ToolServer, name: str, taken: Counter[str]) -> str:
    """The name under which the model is offered a tool.

    Those of our own services keep theirs. Others carry their server's name, so that none can pass
    for one of ours; so does whatever would clash.
    """
    offered = _callable_name(name)
    if service.outside is not None or offered in taken:
        offered = _callable_name(f"{service.name}__{name}")
    if offered in taken:
        offered = _callable_name(f"{service.name}__{name}", distinct=True)
    return offered


def _callable_name(name: str, *, distinct: bool = False) -> str:
    """A name as model endpoints take it: letters, digits, _ and -, and not too long."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if len(plain) <= LONGEST_NAME and not distinct:
        return plain
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_NAME - 9]}_{digest}"


@lru_cache(maxsize=512)
def _tool(service: str, name: str, text: str) -> Tool:
    """The tool that the JSON text describes. Checking a schema takes a while, and what a server
    says hardly ever changes, so each text is checked once. Raises ValueError."""
    described = mcp_types.Tool.model_validate_json(text, by_name=False)
    if len(json.dumps(described.input_schema)) > LARGEST_SCHEMA:
        raise ValueError("the schema of its arguments is too large")
    for schema in (described.input_schema, described.output_schema or {}):
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise ValueError(error.message) from error
    return Tool(
        service,
        name,
        described.name,
        (described.description or described.title or "")[:LONGEST_DESCRIPTION],
        described.input_schema,
        described.output_schema,
        described.annotations or mcp_types.ToolAnnotations(),
    )

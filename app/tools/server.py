"""A tool server as it was when it was last asked, and what asking it again brings."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import mcp_types
import requests
from requests.utils import get_environ_proxies

from app.config_types import McpServer
from app.tools.mcp_client import McpClient
from app.tools.naming import choose_name
from app.tools.tool import Tool, make_tool
from app.tools.untrusted import checks
from app.tools.untrusted.addresses import AddressRules
from app.tools.untrusted.checks import Checks
from app.tools.untrusted.responses import one_line
from app.tools.untrusted.sandbox import Sandbox
from app.tools.untrusted.secret_texts import SecretTexts, keep_out_of_logs

log = logging.getLogger(__name__)

OUTBOX_CAPABILITY = "homestream/outbox"
PREVIEW_CAPABILITY = "homestream/preview"
MAX_INSTRUCTIONS_CHARS = 4_000
"""Of what a service tells models; every request begins with it."""
KEPT_SECONDS = 60.0
"""For how long a list of tools is kept if its server doesn't say."""
LONGEST_KEPT_SECONDS = 3600.0


@dataclass(frozen=True)
class ToolServer:
    """A service of ours, or a server from the setting MCP_SERVERS, which is then `settings`.

    `instructions` are what it tells models, if it is ours: another party's might say anything.
    While it is away it keeps the tools that it had. `problem` is a sentence for the operator on
    what is wrong with it, or "". `checks` are made in this process for our own services alone.
    """

    name: str
    url: str
    client: McpClient
    checks: Checks
    settings: McpServer | None = None
    up: bool = False
    tools: tuple[Tool, ...] = ()
    has_listed: bool = False
    has_outbox: bool = False
    has_preview: bool = False
    instructions: str = ""
    problem: str = ""
    fresh_until: float = 0.0
    secrets: SecretTexts = field(default_factory=lambda: SecretTexts(()), repr=False)

    @classmethod
    def of_ours(cls, name: str, url: str, timeout: float) -> ToolServer:
        client = McpClient(name, f"{url}/mcp", timeout, SecretTexts(()))
        return cls(name, url, client, checks)

    @classmethod
    def of_others(cls, settings: McpServer, timeout: float, rules: AddressRules) -> ToolServer:
        name = rules.server
        token = settings.token.get_secret_value() if settings.token else None
        secrets = SecretTexts.of_server(settings.url, token)
        keep_out_of_logs(secrets)
        client = McpClient(name, settings.url, timeout, secrets, rules)
        if get_environ_proxies(settings.url):
            log.warning("%s is called directly: a proxy would hide its address from checks", name)
        return cls(name, settings.url, client, Sandbox(name), settings, secrets=secrets)

    @property
    def ours(self) -> bool:
        return self.settings is None

    def refreshed(self, headers: Mapping[str, str], timeout: float) -> ToolServer:
        """Return the server with the tools that it has now, asked for if the last list is too old.

        Raises what McpClient raises.
        """
        if self.up and time.monotonic() < self.fresh_until:
            if self.ours:
                requests.get(f"{self.url}/health", timeout=timeout).close()
            return self
        server = self if self.up else self._connected(headers)
        described, ttl_ms = self.client.list_tools(headers)
        tools, problems = self._accept(described)
        kept = KEPT_SECONDS if ttl_ms is None else min(ttl_ms / 1000, LONGEST_KEPT_SECONDS)
        problem = "; ".join(problems)
        if problem and problem != self.problem:
            log.warning("%s: %s", self.name, problem)
        return replace(
            server,
            up=True,
            tools=tuple(tools),
            has_listed=True,
            problem=problem,
            fresh_until=time.monotonic() + kept,
        )

    def away(self, reason: object) -> ToolServer:
        """The server while it can't be used, for a reason that is a sentence."""
        problem = one_line(self.secrets.hide(str(reason)))
        if self.up or problem != self.problem:
            log.warning("%s is away: %s", self.name, problem)
        return replace(self, up=False, problem=problem, fresh_until=0.0)

    def with_names_beside(self, taken: Collection[str]) -> ToolServer:
        """Return the server with other names for those of its tools whose name is `taken`."""
        if not any(tool.name in taken for tool in self.tools):
            return self
        names = {*taken, *(tool.name for tool in self.tools)}
        tools: list[Tool] = []
        for tool in self.tools:
            if tool.name in taken:
                name = choose_name(self.name, tool.remote_name, names, ours=self.ours)
                names.add(name)
                tool = replace(tool, name=name)
            tools.append(tool)
        return replace(self, tools=tuple(tools))

    def _connected(self, headers: Mapping[str, str]) -> ToolServer:
        said = self.client.connect(headers)
        extensions = said.capabilities.extensions or {}
        return replace(
            self,
            instructions=(said.instructions or "")[:MAX_INSTRUCTIONS_CHARS] if self.ours else "",
            has_outbox=self.ours and OUTBOX_CAPABILITY in extensions,
            has_preview=self.ours and PREVIEW_CAPABILITY in extensions,
        )

    def _accept(self, described: list[mcp_types.Tool]) -> tuple[list[Tool], list[str]]:
        """The tools that can be offered, and a sentence on each that can't."""
        tools: dict[str, Tool] = {}
        problems: list[str] = []
        allowed = self.settings.tools if self.settings else None
        for tool in described:
            if allowed is not None and tool.name not in allowed:
                continue
            name = choose_name(self.name, tool.name, tools, ours=self.ours)
            text = tool.model_dump_json(by_alias=True)
            try:
                tools[name] = make_tool(self.name, name, text, self.checks, ours=self.ours)
            except ValueError as error:
                problems.append(one_line(f"{tool.name[:64]} is left out: {error}"))
        missing = set(allowed or ()) - {tool.name for tool in described}
        problems += [f"it has no tool {name}" for name in sorted(missing)]
        return list(tools.values()), problems

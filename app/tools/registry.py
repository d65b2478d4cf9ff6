"""The tool servers and their tools, asked for again and again."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import gevent
import requests
from gevent.event import Event

from app.agent.messages import SERVER_SEPARATOR
from app.config_types import McpServer
from app.errors import ToolFailure
from app.tools.server import ToolServer
from app.tools.tool import Tool, default_words
from app.tools.untrusted.addresses import AddressRules
from app.tools.untrusted.sandbox import Sandbox
from tool_services.framework.scopes import LIST_SCOPE

log = logging.getLogger(__name__)

APP_USER = "homestream"
"""The user id in tokens with which the app asks a service for its tools."""
RETRY_SECONDS = 1.0
MAX_OFFERED = 128
"""Tools that a request to a model may offer."""


class Mint(Protocol):
    """Makes the token of a request to a service of ours."""

    def __call__(self, user_id: str, audience: str, scope: str, **claims: Any) -> str: ...


@dataclass
class ToolRegistry:
    """All servers by their names. They are asked for their tools at the start, when a list is too
    old, and when a server comes back."""

    mint: Mint
    timeout: float
    check_interval: float
    servers: dict[str, ToolServer] = field(default_factory=dict)
    ours_have_listed: Event = field(default_factory=Event)
    """Set once every service of ours has listed its tools."""
    _have_been_asked: Event = field(default_factory=Event)

    @classmethod
    def create(
        cls,
        services: Mapping[str, str],
        mcp_servers: Mapping[str, McpServer],
        mint: Mint,
        *,
        timeout: float,
        check_interval: float,
        own_port: int,
        allow_private: Collection[str] = (),
    ) -> ToolRegistry:
        """`services` are the URLs of our own services, which take tokens from `mint`. Of the other
        servers, those in `allow_private` may have private addresses. `own_port` is the app's."""
        ours = {name: ToolServer.of_ours(name, url, timeout) for name, url in services.items()}
        others = {
            name: ToolServer.of_others(
                server, timeout, AddressRules(name, own_port, name in allow_private)
            )
            for name, server in mcp_servers.items()
        }
        return cls(mint, timeout, check_interval, ours | others)

    def watch(self) -> None:
        """Ask the servers forever: every `check_interval` seconds, sooner while one is away."""
        while True:
            self.refresh()
            all_up = all(server.up for server in self)
            gevent.sleep(self.check_interval if all_up else min(RETRY_SECONDS, self.check_interval))

    def refresh(self) -> None:
        """Ask all servers once, at the same time."""
        gevent.joinall([gevent.spawn(self._ask, name) for name in self.servers])
        self._have_been_asked.set()
        if all(server.has_listed for server in self if server.ours):
            self.ours_have_listed.set()

    def wait_until_asked(self) -> None:
        """Wait until the servers have been asked once: before that, none seems to have a tool."""
        self._have_been_asked.wait(self.timeout)

    def close(self) -> None:
        """End the processes that check what servers sent."""
        for server in self:
            if isinstance(server.checks, Sandbox):
                server.checks.close()

    def find(self, tool_name: str) -> Tool | None:
        return next((tool for tool in self.tools() if tool.name == tool_name), None)

    def describe_call(self, tool_name: str, arguments: dict[str, Any], *, done: bool) -> str:
        """Return a call in one line for people; its server may be away by now, or gone."""
        known = (tool for server in self for tool in server.tools if tool.name == tool_name)
        tool = next(known, None)
        if tool is None:
            return default_words(tool_name, arguments)
        return tool.in_words(arguments, done=done)

    def tools(self) -> list[Tool]:
        """The tools of the servers that are up, as many as a model can be offered."""
        available = [tool for server in self if server.up for tool in server.tools]
        return available[:MAX_OFFERED]

    def instructions(self) -> dict[str, str]:
        """What our services that are up tell models, by their names, in order of these."""
        told = {server.name: server.instructions.strip() for server in self if server.up}
        return {name: told[name] for name in sorted(told) if told[name]}

    def away(self) -> list[str]:
        """The names of the servers that can't be used now."""
        return [server.name for server in self if not server.up]

    def servers_for(self, tool_name: str) -> list[ToolServer]:
        """The servers that could have a tool of this name: the one that the name begins with, or
        any service of ours."""
        server = self.servers.get(tool_name.partition(SERVER_SEPARATOR)[0])
        return [server] if server else [server for server in self if server.ours]

    def headers(
        self, server: ToolServer, user_id: str, scope: str, **claims: Any
    ) -> dict[str, str]:
        """The headers that authorise a request to a server on a person's behalf.

        The scope and the claims are those of the token, if the server is a service of ours.
        """
        if server.settings is None:
            token = self.mint(user_id, server.url, scope, **claims)
        elif server.settings.token is None:
            return {}
        else:
            token = server.settings.token.get_secret_value()
        return {"Authorization": f"Bearer {token}"}

    def read_scopes(self, url: str | None = None) -> list[str]:
        """The scopes of our services' tools that only read: all, or those at one URL."""
        tools = [
            tool
            for server in self
            if server.ours and url in (None, server.url)
            for tool in server.tools
        ]
        return sorted({scope for tool in tools if tool.runs_unasked for scope in tool.scopes})

    def mark_away(self, name: str, reason: str) -> None:
        self.servers[name] = self.servers[name].away(reason)

    def _ask(self, name: str) -> None:
        before = self.servers[name]
        headers = self.headers(before, APP_USER, LIST_SCOPE)
        try:
            with gevent.Timeout(self.timeout):
                after = before.refreshed(headers, self.timeout)
        except ToolFailure as error:
            after = before.away(error.message)
        except requests.RequestException as error:
            after = before.away(f"{name} can't be reached: {error}")
        except gevent.Timeout:
            after = before.away(f"{name} took over {self.timeout:g} seconds.")
        except Exception:
            log.exception("%s could not be asked for its tools", name)
            after = before.away(f"{name} answered something unexpected.")
        if after.up and not before.up:
            log.info("%s is up with %d tools", name, len(after.tools))
        self.servers[name] = after
        self._keep_names_apart()

    def _keep_names_apart(self) -> None:
        """Rename tools whose name an earlier server's tool has, whether that is away or not.

        The servers are asked at the same time, so this waits for nothing in between.
        """
        taken: set[str] = set()
        for name, server in self.servers.items():
            self.servers[name] = kept = server.with_names_beside(taken)
            taken.update(tool.name for tool in kept.tools)

    def __iter__(self) -> Iterator[ToolServer]:
        return iter(self.servers.values())

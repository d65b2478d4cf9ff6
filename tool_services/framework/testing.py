"""Call a service's tools in its own tests, without HTTP and tokens, which the framework tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from tool_services.framework.app_factory import create_app, offered_tools
from tool_services.framework.schemas import JsonObject
from tool_services.framework.service import Service, settings_type
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import Tool


@dataclass(frozen=True)
class ToolCaller:
    """Calls the tools of a service by their names, with arguments as in JSON.

    Each method raises what the tool does, such as InvalidArgumentsError.
    """

    app: Flask
    tools: Mapping[str, Tool]

    def call(
        self, tool: str, *, user: str = "alice", key: str | None = None, **arguments: Any
    ) -> JsonObject:
        """Return the result as a model gets it."""
        with self.app.app_context():
            return self.tools[tool].call(arguments, _caller(user, key)).as_json()

    def shown(self, tool: str, **arguments: Any) -> str:
        """Return all that people see of the result."""
        with self.app.app_context():
            result = self.tools[tool].call(arguments, _caller("alice", None))
            return "".join(part.text for part in result.shown())

    def preview(self, tool: str, **arguments: Any) -> str:
        """Return what people see before they approve the call."""
        with self.app.app_context():
            parts = self.tools[tool].show_preview(arguments, _caller("alice", None))
            return "".join(part.text for part in parts)


@contextmanager
def call_tools(service: Service, folder: Path, **settings: Any) -> Iterator[ToolCaller]:
    """Start the service with its sample rows, and its database in a folder."""
    own: dict[str, Any] = {"instance_dir": folder}
    if service.database is not None:
        # Wins over the environment, which may name a database that is in use.
        own[service.database_setting().lower()] = f"sqlite:///{folder / service.name}.db"
    values = settings_type([service])(_env_file=None, **(own | settings))
    app = create_app(service, values)
    yield ToolCaller(app, {each.name: each for each in offered_tools(service, values)})
    if service.database is not None:
        with app.app_context():
            service.load(service.database).engine.dispose()


def _caller(user: str, key: str | None) -> Caller:
    return Caller(user, "", "", frozenset(), idempotency_key=key, email_verified=True)

"""The tool services: which tools there are, and calls to them on a person's behalf.

Each call carries a token of its own, minted for that person and that service.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import gevent
import requests
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from urllib3.exceptions import NewConnectionError

from app.errors import ToolFailure
from app.events import from_json

log = logging.getLogger(__name__)

CALL_SCOPE = "tools:call"
OUTBOX_SCOPE = "outbox:read"
RETRY_DOWN_SECONDS = 1.0
_AGAIN_SECONDS = 0.3

Mint = Callable[[str, str, str], str]
"""A token for (user id, audience, scope)."""


@dataclass(frozen=True)
class Tool:
    """A tool as its service describes it; `schema` is the JSON Schema of its arguments."""

    service: str
    name: str
    description: str
    schema: dict[str, Any]

    def spec(self) -> dict[str, Any]:
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": self.schema,
        }
        return {"type": "function", "function": function}

    def mistakes(self, arguments: dict[str, Any]) -> str:
        """What is wrong with the arguments, in words the model can mend them by; "" if nothing."""
        errors = Draft202012Validator(self.schema).iter_errors(arguments)
        return "; ".join(
            f"{error.json_path.lstrip('$.') or 'arguments'}: {error.message}" for error in errors
        )


@dataclass(frozen=True)
class Service:
    """A tool service as it was when last asked; away, it keeps the tools that it had."""

    name: str
    url: str
    up: bool = False
    tools: tuple[Tool, ...] = ()
    has_outbox: bool = False


@dataclass
class Catalogue:
    """All tool services, asked for their tools at start and again whenever one comes back."""

    mint: Mint
    timeout: float
    check_interval: float
    services: dict[str, Service] = field(default_factory=dict)

    @classmethod
    def of(
        cls, urls: Mapping[str, str], mint: Mint, *, timeout: float, check_interval: float
    ) -> Catalogue:
        services = {name: Service(name, url.rstrip("/")) for name, url in urls.items()}
        return cls(mint, timeout, check_interval, services)

    def watch(self) -> None:
        """Ask every service for ever: every `check_interval` seconds, sooner while one is away."""
        while True:
            self.refresh()
            away = any(not service.up for service in self.services.values())
            gevent.sleep(
                min(RETRY_DOWN_SECONDS, self.check_interval) if away else self.check_interval
            )

    def refresh(self) -> None:
        """Ask every service once, side by side."""
        gevent.joinall([gevent.spawn(self._ask, name) for name in self.services])

    def urls(self) -> list[str]:
        return [service.url for service in self.services.values()]

    def find(self, tool_name: str) -> Tool | None:
        return next((tool for tool in self.tools() if tool.name == tool_name), None)

    def tools(self) -> list[Tool]:
        """The tools of the services that are up."""
        return [tool for service in self.services.values() if service.up for tool in service.tools]

    def _ask(self, name: str) -> None:
        before = self.services[name]
        try:
            with gevent.Timeout(self.timeout):
                info = _json(requests.get(f"{before.url}/info", timeout=self.timeout))
                listed = _json(requests.get(f"{before.url}/tools", timeout=self.timeout))
            tools = tuple(_tool(name, json.dumps(described)) for described in listed["tools"])
            outbox = bool(info.get("capabilities", {}).get("outbox"))
            after = replace(before, up=True, tools=tools, has_outbox=outbox)
        except (
            requests.RequestException,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
        ) as error:
            after = self._away(before, error)
        except gevent.Timeout as error:
            after = self._away(before, error)
        if after.up and not before.up:
            log.info("%s is up with %d tools", name, len(after.tools))
        self.services[name] = after

    def _away(self, before: Service, error: BaseException) -> Service:
        if before.up:
            log.warning("%s is away: %s", before.name, error)
        return replace(before, up=False)

    def mark_away(self, name: str) -> None:
        self.services[name] = replace(self.services[name], up=False)


def _json(response: requests.Response) -> Any:
    response.raise_for_status()
    return response.json()


@lru_cache(maxsize=256)
def _tool(service: str, text: str) -> Tool:
    """The tool that the JSON text describes. Checking a schema takes a while, and what a service
    says hardly ever changes, so each text is checked once."""
    described = json.loads(text)
    schema = described["inputSchema"]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"{described['name']}: {error.message}") from error
    return Tool(service, described["name"], described["description"], schema)


@dataclass(frozen=True)
class UserTools:
    """The tools as one person may call them; what `agent.respond` is given."""

    catalogue: Catalogue
    user_id: str

    def specs(self) -> list[dict[str, Any]]:
        return [tool.spec() for tool in self.catalogue.tools()]

    def call(self, call_id: str, name: str, arguments: dict[str, Any]) -> Any:
        tool = self.catalogue.find(name)
        if tool is None:
            names = ", ".join(tool.name for tool in self.catalogue.tools()) or "none"
            raise ToolFailure(f"There is no tool {name!r} now; there are: {names}.")
        mistakes = tool.mistakes(arguments)
        if mistakes:
            raise ToolFailure(f"Wrong arguments, mend them and call again: {mistakes}")
        return self._post(tool, call_id, arguments)

    def outbox(self) -> list[dict[str, Any]]:
        """What was sent for this person, newest first, from every service that keeps an outbox."""
        messages: list[dict[str, Any]] = []
        for service in self.catalogue.services.values():
            if service.has_outbox:
                messages += self._request(service, "GET", "/outbox", OUTBOX_SCOPE)["messages"]
        return sorted(messages, key=lambda message: str(message["createdAt"]), reverse=True)

    def _post(self, tool: Tool, call_id: str, arguments: dict[str, Any]) -> Any:
        service = self.catalogue.services[tool.service]
        body = {"name": tool.name, "arguments": arguments}
        answer = self._request(service, "POST", "/tools/call", CALL_SCOPE, body, call_id)
        if "result" not in answer:
            raise ToolFailure(f"The {service.name} service sent no result.")
        return answer["result"]

    def _request(
        self,
        service: Service,
        method: str,
        path: str,
        scope: str,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {self.catalogue.mint(self.user_id, service.url, scope)}"
        }
        if key:
            headers["Idempotency-Key"] = key
        limit = self.catalogue.timeout
        started = time.monotonic()
        # requests' own time-out is for each read; a service that drips needs one for the whole.
        timeout = gevent.Timeout.start_new(limit)
        try:
            return _answer(
                service.name,
                _insist(
                    lambda: requests.request(
                        method, service.url + path, json=body, headers=headers, timeout=limit
                    ),
                    again=key is not None,
                ),
            )
        except gevent.Timeout as caught:
            if caught is not timeout:
                raise
            raise ToolFailure(f"The {service.name} service took over {limit:g} seconds.") from None
        except requests.Timeout:
            raise ToolFailure(f"The {service.name} service took over {limit:g} seconds.") from None
        except requests.RequestException as error:
            if time.monotonic() - started < limit:
                self.catalogue.mark_away(service.name)
            raise ToolFailure(f"The {service.name} service can't be reached now.") from error
        finally:
            timeout.close()


def _insist(send: Callable[[], requests.Response], *, again: bool) -> requests.Response:
    """The response to a request. When the connection breaks after the request was sent, nobody
    knows whether it was obeyed; with an idempotency key it is sent `again` until it is known."""
    sent = False
    while True:
        try:
            return send()
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            sent = sent or not _refused(error)
            if not again or not sent:
                raise
        gevent.sleep(_AGAIN_SECONDS)


def _refused(error: requests.RequestException) -> bool:
    """Whether no connection came about, so that nothing can have been done."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError)


def _answer(service: str, response: requests.Response) -> dict[str, Any]:
    """The service's answer as a JSON object. Its own account of an error is passed on."""
    try:
        answer = from_json(response.content)
    except ValueError:
        raise ToolFailure(f"The {service} service answered something that isn't JSON.") from None
    if not isinstance(answer, dict):
        raise ToolFailure(f"The {service} service answered something that isn't an object.")
    error = answer.get("error")
    if error or not response.ok:
        message = error.get("message") if isinstance(error, dict) else error
        raise ToolFailure(str(message or f"The {service} service answered {response.status_code}."))
    return answer

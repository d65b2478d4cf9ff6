"""A client of one Model Context Protocol server, over Streamable HTTP.

It speaks the stateless revision, and the handshake revisions with servers that know no other. What
a server sends is read within bounds and checked against the protocol's own models. The client knows
nothing of approvals or of what a tool's result means.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, TypeVar

import requests
from mcp_types import (
    CallToolResult,
    DiscoverResult,
    InitializeResult,
    InputRequiredResult,
    ListToolsResult,
    Tool,
)
from mcp_types.jsonrpc import (
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.methods import parse_server_result
from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    LATEST_MODERN_VERSION,
    MODERN_PROTOCOL_VERSIONS,
)
from pydantic import BaseModel, ValidationError

from app.errors import ToolFailure
from app.tools.mcp_envelope import CLIENT, SESSION_HEADER, headers_of, meta_of
from app.tools.untrusted.addresses import AddressRules
from app.tools.untrusted.limits import MAX_BLOCKS, MAX_PAGES, MAX_SERVER_REQUESTS, MAX_TOOLS
from app.tools.untrusted.notifications import Notifications, Report
from app.tools.untrusted.responses import OverLimit, one_line, post, read_documents
from app.tools.untrusted.secret_texts import SecretTexts

log = logging.getLogger(__name__)

JsonObject = dict[str, Any]
Result = TypeVar("Result", bound=BaseModel)

_MAX_ITEMS = {"tools/list": ("tools", MAX_TOOLS), "tools/call": ("content", MAX_BLOCKS)}
"""The list that a method's result holds, and how long it may be."""


class Refused(ToolFailure):
    """The server answered with an error of the protocol. `rpc` is its code there, or None; `http`
    is the response's status."""

    def __init__(self, message: str, rpc: int | None, http: int, data: Any = None) -> None:
        super().__init__(message)
        self.rpc, self.http, self.data = rpc, http, data


class McpClient:
    """Requests to one server. Headers come with each, since they may carry one person's token.

    `secrets` are hidden in all that the server answers. `rules` say where it may be.

    Every method raises requests' errors if no answer came, Refused if the server refused, and
    otherwise ToolFailure if the answer can't be used.
    """

    def __init__(
        self,
        name: str,
        url: str,
        timeout: float,
        secrets: SecretTexts,
        rules: AddressRules | None = None,
    ) -> None:
        self.name = name
        self._rules = rules
        self._secrets = secrets
        self.url = url
        self._timeout = timeout
        self._revision = ""
        self._session: str | None = None
        self._connecting = threading.Lock()  # held while there may be no session, or a half one
        self._ids = count(1)

    def connect(self, headers: Mapping[str, str]) -> DiscoverResult | InitializeResult:
        """Agree on a revision of the protocol. Returns what the server says of itself."""
        with self._connecting:
            return self._connect(headers)

    def _connect(self, headers: Mapping[str, str]) -> DiscoverResult | InitializeResult:
        self._session, self._revision = None, LATEST_MODERN_VERSION
        try:
            discovered = self._ask("server/discover", {}, headers, DiscoverResult)
        except Refused as refusal:
            if refusal.http in {401, 403} or not _may_know_handshakes(refusal):
                raise
        except ToolFailure:
            # A server of an older revision may answer anything.
            pass
        else:
            if set(discovered.supported_versions) & set(MODERN_PROTOCOL_VERSIONS):
                return discovered
        return self._shake_hands(headers)

    def _shake_hands(self, headers: Mapping[str, str]) -> InitializeResult:
        params = {
            "protocolVersion": LATEST_HANDSHAKE_VERSION,
            "capabilities": {},
            "clientInfo": CLIENT,
        }
        self._revision = LATEST_HANDSHAKE_VERSION
        agreed = self._ask("initialize", params, headers, InitializeResult)
        if agreed.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
            revision = agreed.protocol_version[:40]
            raise ToolFailure(f"{self.name} speaks only the revision {revision!r}.")
        self._revision = agreed.protocol_version
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)
        return agreed

    def list_tools(self, headers: Mapping[str, str]) -> tuple[list[Tool], int | None]:
        """List the server's tools. Returns also for how many milliseconds the list may be kept, or
        None if the server doesn't say."""
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            params = {} if cursor is None else {"cursor": cursor}
            page = self._ask_in_session("tools/list", params, headers, ListToolsResult)
            tools += page.tools
            if len(tools) > MAX_TOOLS:
                raise ToolFailure(f"{self.name} lists more than {MAX_TOOLS} tools.")
            cursor = page.next_cursor
            if cursor is None:
                return tools, page.ttl_ms
        raise ToolFailure(f"{self.name} lists its tools on more than {MAX_PAGES} pages.")

    def call(
        self,
        tool: str,
        arguments: JsonObject,
        headers: Mapping[str, str],
        report: Report | None = None,
    ) -> CallToolResult:
        """Call a tool. The server is asked to tell how far it is and what it logs, which `report`
        gets."""
        params = {"name": tool, "arguments": arguments}
        return self._ask_in_session("tools/call", params, headers, CallToolResult, report)

    def _ask_in_session(
        self,
        method: str,
        params: JsonObject,
        headers: Mapping[str, str],
        kind: type[Result],
        report: Report | None = None,
    ) -> Result:
        with self._connecting:
            session = self._session
        try:
            return self._ask(method, params, headers, kind, report)
        except Refused as refusal:
            if not (session and refusal.http == 404):
                raise
        # The session was lost, so nothing was done. Another request may have replaced it already.
        with self._connecting:
            if self._session == session:
                self._connect(headers)
        return self._ask(method, params, headers, kind, report)

    def _ask(
        self,
        method: str,
        params: JsonObject,
        headers: Mapping[str, str],
        kind: type[Result],
        report: Report | None = None,
    ) -> Result:
        id = next(self._ids)
        meta = meta_of(self._revision) | ({"progressToken": id} if report else {})
        params = {**params, "_meta": meta} if meta else params
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        answer = self._post(message, headers, report)
        self._check_size(method, answer)
        try:
            result = parse_server_result(method, self._revision, answer)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise ToolFailure(
                f"{self.name} answered {method} with what the protocol doesn't allow"
                f" ({one_line(place)}: {one_line(problem['msg'])})."
            ) from None
        if isinstance(result, InputRequiredResult):
            raise self._unsupported(
                [request.method for request in (result.input_requests or {}).values()]
            )
        if not isinstance(result, kind):
            raise ToolFailure(f"{self.name} answered {method} with something else.")
        return result

    def _check_size(self, method: str, answer: JsonObject) -> None:
        """Refuse a long list before there is an object for each of its items."""
        field, most = _MAX_ITEMS.get(method, ("", 0))
        items = answer.get(field)
        if isinstance(items, list) and len(items) > most:
            raise ToolFailure(f"{self.name} answered {method} with more than {most} {field}.")

    def _unsupported(self, methods: Iterable[str]) -> ToolFailure:
        wanted = one_line(", ".join(sorted({str(method) for method in methods}))) or "more input"
        log.warning("%s asks for %s, which is not supported", self.name, wanted)
        return ToolFailure(
            f"{self.name} asks for {wanted} in the middle of a call, which isn't supported here."
        )

    def _post(
        self, message: JsonObject, headers: Mapping[str, str], report: Report | None = None
    ) -> JsonObject:
        """Send a message. Returns the result that answers it; {} if it needs no answer."""
        sent = {**headers_of(message, self._revision, self._session), **headers}
        try:
            with post(self.url, message, sent, self._timeout, self._rules) as response:
                if "id" not in message:
                    return {}
                if message["method"] == "initialize":
                    self._session = response.headers.get(SESSION_HEADER)
                told = Notifications(self.name, message["id"], report)
                return self._result(response, message["id"], headers, told)
        except OverLimit as limit:
            raise ToolFailure(f"The answer of {self.name} {limit}.") from None

    def _result(
        self, response: requests.Response, id: int, headers: Mapping[str, str], told: Notifications
    ) -> JsonObject:
        """Return the result of request `id`. Decline what the server asks for before it, and take
        in what it tells."""
        declined = 0
        for message in self._messages(response):
            if "method" in message:
                if "id" in message:
                    declined += 1
                    self._decline(message, declined, headers)
                else:
                    told.take(message)
                continue
            if message.get("error"):
                raise self._refusal(message["error"], response.status_code)
            if message.get("id") == id and isinstance(message.get("result"), dict):
                result: JsonObject = message["result"]
                return result
        if not response.ok:
            raise self._failure(response)
        raise ToolFailure(f"{self.name} sent no result.")

    def _messages(self, response: requests.Response) -> Iterator[JsonObject]:
        try:
            for message in read_documents(response, self._secrets):
                if not isinstance(message, dict):
                    raise ToolFailure(f"{self.name} answered something that isn't an object.")
                yield message
        except ValueError:
            if not response.ok:
                raise self._failure(response) from None
            raise ToolFailure(f"{self.name} answered something that isn't JSON.") from None

    def _refusal(self, error: Any, status: int) -> ToolFailure:
        if not isinstance(error, dict):
            return Refused(one_line(error), None, status)
        message, data = one_line(error.get("message") or "no reason given"), error.get("data")
        if error.get("code") == MISSING_REQUIRED_CLIENT_CAPABILITY and isinstance(data, dict):
            return self._unsupported(data.get("requiredCapabilities") or ())
        return Refused(message, error.get("code"), status, data)

    def _failure(self, response: requests.Response) -> Refused:
        status = response.status_code
        reasons = {
            401: f"{self.name} doesn't take the token.",
            403: f"{self.name} doesn't allow this.",
        }
        return Refused(reasons.get(status, f"{self.name} answered {status}."), None, status)

    def _decline(self, request: JsonObject, number: int, headers: Mapping[str, str]) -> None:
        """Answer a server's own request with an error: nothing that it could ask for is offered."""
        method = one_line(request["method"])
        log.warning("%s asks for %s, which is not supported", self.name, method)
        if number > MAX_SERVER_REQUESTS:
            raise ToolFailure(f"{self.name} asks for {method} again and again.")
        error = {"code": METHOD_NOT_FOUND, "message": f"{method} is not supported here."}
        answer = {"jsonrpc": "2.0", "id": request["id"], "error": error}
        sent = {"MCP-Protocol-Version": self._revision, **headers}
        if self._session:
            sent[SESSION_HEADER] = self._session
        with post(self.url, answer, sent, self._timeout, self._rules):
            pass


def _may_know_handshakes(refusal: Refused) -> bool:
    if refusal.rpc != UNSUPPORTED_PROTOCOL_VERSION or not isinstance(refusal.data, dict):
        return True
    supported = refusal.data.get("supported")
    known = HANDSHAKE_PROTOCOL_VERSIONS
    return isinstance(supported, list) and any(revision in known for revision in supported)

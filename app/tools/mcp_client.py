"""A client of one server of the Model Context Protocol: Streamable HTTP, with `requests`.

It speaks the stateless revision, and the handshake ones where a server knows no other. What a
server says is checked against the protocol's own models before anybody builds on it.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, TypeVar

import requests
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    CallToolResult,
    DiscoverResult,
    InitializeResult,
    InputRequiredResult,
    ListToolsResult,
    ServerCapabilities,
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
from app.json_input import parse_json
from tool_services import __version__

log = logging.getLogger(__name__)

CLIENT = {"name": "homestream", "version": __version__}
LARGEST_ANSWER = 4 * 1024 * 1024
MOST_PAGES = 50
SESSION_HEADER = "Mcp-Session-Id"

JsonObject = dict[str, Any]
Result = TypeVar("Result", bound=BaseModel)


class Refused(ToolFailure):
    """The server answered with an error of the protocol; `http` is the response's status."""

    def __init__(self, message: str, rpc: int | None, http: int, data: Any = None) -> None:
        super().__init__(message)
        self.rpc, self.http, self.data = rpc, http, data


class McpClient:
    """Headers are given with each request, since they may carry a token for one person.

    Every method raises requests' own errors where no answer came, and ToolFailure with a sentence
    where the answer can't be used; Refused is the one that the server itself gave.
    """

    def __init__(self, name: str, url: str, timeout: float) -> None:
        self.name = name
        self.url = url
        self._timeout = timeout
        self._revision = ""
        self._session: str | None = None
        self._beginning = threading.Lock()  # held while a lost session is begun anew
        self._ids = count(1)

    def connect(self, headers: Mapping[str, str]) -> ServerCapabilities:
        """Agree on a revision, and hear what the server can do."""
        self._session, self._revision = None, LATEST_MODERN_VERSION
        try:
            found = self._ask("server/discover", {}, headers, DiscoverResult)
        except Refused as refusal:
            if refusal.http in {401, 403} or not _may_know_handshakes(refusal):
                raise
        except ToolFailure:
            # Whatever that answer was, it is no sign of a server of this revision.
            pass
        else:
            if set(found.supported_versions) & set(MODERN_PROTOCOL_VERSIONS):
                return found.capabilities
        return self._shake_hands(headers)

    def _shake_hands(self, headers: Mapping[str, str]) -> ServerCapabilities:
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
        return agreed.capabilities

    def list_tools(self, headers: Mapping[str, str]) -> tuple[list[Tool], int | None]:
        """Every tool, and for how many milliseconds the list may be kept, if the server says."""
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            params = {} if cursor is None else {"cursor": cursor}
            page = self._in_session("tools/list", params, headers, ListToolsResult)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return tools, page.ttl_ms
        raise ToolFailure(f"{self.name} lists its tools on more than {MOST_PAGES} pages.")

    def call(self, tool: str, arguments: JsonObject, headers: Mapping[str, str]) -> CallToolResult:
        params = {"name": tool, "arguments": arguments}
        return self._in_session("tools/call", params, headers, CallToolResult)

    def _in_session(
        self, method: str, params: JsonObject, headers: Mapping[str, str], kind: type[Result]
    ) -> Result:
        session = self._session
        try:
            return self._ask(method, params, headers, kind)
        except Refused as refusal:
            if not (session and refusal.http == 404):
                raise
        # The session is over, so nothing was done. A new one, then, unless another has begun it.
        with self._beginning:
            if self._session == session:
                self.connect(headers)
        return self._ask(method, params, headers, kind)

    def _ask(
        self, method: str, params: JsonObject, headers: Mapping[str, str], kind: type[Result]
    ) -> Result:
        if self._revision in MODERN_PROTOCOL_VERSIONS:
            params = {**params, "_meta": self._envelope()}
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self._post(message, headers)
        try:
            result = parse_server_result(method, self._revision, answer)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise ToolFailure(
                f"{self.name} answered {method} with what the protocol doesn't allow"
                f" ({place}: {problem['msg']})."
            ) from None
        if isinstance(result, InputRequiredResult):
            raise self._unsupported(
                [each.method for each in (result.input_requests or {}).values()]
            )
        if not isinstance(result, kind):
            raise ToolFailure(f"{self.name} answered {method} with something else.")
        return result

    def _envelope(self) -> JsonObject:
        return {
            PROTOCOL_VERSION_META_KEY: self._revision,
            CLIENT_INFO_META_KEY: CLIENT,
            CLIENT_CAPABILITIES_META_KEY: {},
        }

    def _unsupported(self, methods: Iterable[str]) -> ToolFailure:
        wanted = ", ".join(sorted(set(methods))) or "more input"
        log.warning("%s asks for %s, which is not supported", self.name, wanted)
        return ToolFailure(
            f"{self.name} asks for {wanted} in the middle of a call, which isn't supported here."
        )

    def _post(self, message: JsonObject, headers: Mapping[str, str]) -> JsonObject:
        """The result that answers a message; {} for one that needs no answer."""
        with requests.post(
            self.url,
            json=message,
            headers={**self._headers(message), **headers},
            timeout=self._timeout,
            # A redirect would carry the token to wherever the server says.
            allow_redirects=False,
            stream=True,
        ) as response:
            if "id" not in message:
                return {}
            if message["method"] == "initialize":
                self._session = response.headers.get(SESSION_HEADER)
            return self._result(response, message["id"], headers)

    def _headers(self, message: JsonObject) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream"}
        if message["method"] != "initialize":
            headers["MCP-Protocol-Version"] = self._revision
        if self._revision in MODERN_PROTOCOL_VERSIONS:
            headers["Mcp-Method"] = message["method"]
            if "name" in message["params"]:
                headers["Mcp-Name"] = _for_header(message["params"]["name"])
        elif self._session:
            headers[SESSION_HEADER] = self._session
        return headers

    def _result(
        self, response: requests.Response, id: int, headers: Mapping[str, str]
    ) -> JsonObject:
        for answer in self._messages(response):
            if "method" in answer:
                if "id" in answer:
                    self._decline(answer, headers)
                continue
            if answer.get("error"):
                raise self._refusal(answer["error"], response.status_code)
            if answer.get("id") == id and isinstance(answer.get("result"), dict):
                result: JsonObject = answer["result"]
                return result
        if not response.ok:
            raise self._failed(response)
        raise ToolFailure(f"The {self.name} service sent no result.")

    def _messages(self, response: requests.Response) -> Iterator[JsonObject]:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        pieces = _bounded(response, self._too_much)
        texts = _events(pieces) if kind == "text/event-stream" else [b"".join(pieces)]
        for text in texts:
            try:
                message = parse_json(text)
            except ValueError:
                if not response.ok:
                    raise self._failed(response) from None
                raise ToolFailure(
                    f"The {self.name} service answered something that isn't JSON."
                ) from None
            if not isinstance(message, dict):
                raise ToolFailure(
                    f"The {self.name} service answered something that isn't an object."
                )
            yield message

    def _refusal(self, error: Any, status: int) -> ToolFailure:
        if not isinstance(error, dict):
            return Refused(str(error), None, status)
        message, data = str(error.get("message") or "no reason given"), error.get("data")
        if error.get("code") == MISSING_REQUIRED_CLIENT_CAPABILITY and isinstance(data, dict):
            return self._unsupported(data.get("requiredCapabilities") or ())
        return Refused(message, error.get("code"), status, data)

    def _failed(self, response: requests.Response) -> Refused:
        status = response.status_code
        reasons = {
            401: f"{self.name} doesn't take the token.",
            403: f"{self.name} doesn't allow this.",
        }
        sentence = reasons.get(status, f"The {self.name} service answered {status}.")
        return Refused(sentence, None, status)

    def _too_much(self) -> ToolFailure:
        limit = LARGEST_ANSWER // 1024 // 1024
        return ToolFailure(f"The {self.name} service answered more than {limit} MB.")

    def _decline(self, request: JsonObject, headers: Mapping[str, str]) -> None:
        """Tell a server that asks this client for something that it can't have it."""
        method = str(request["method"])[:60]
        log.warning("%s asks for %s, which is not supported", self.name, method)
        error = {"code": METHOD_NOT_FOUND, "message": f"{method} is not supported here."}
        answer = {"jsonrpc": "2.0", "id": request["id"], "error": error}
        sent = {"MCP-Protocol-Version": self._revision, **headers}
        if self._session:
            sent[SESSION_HEADER] = self._session
        requests.post(
            self.url, json=answer, headers=sent, timeout=self._timeout, allow_redirects=False
        ).close()


def _may_know_handshakes(refusal: Refused) -> bool:
    if refusal.rpc != UNSUPPORTED_PROTOCOL_VERSION or not isinstance(refusal.data, dict):
        return True
    return bool(set(refusal.data.get("supported", [])) & set(HANDSHAKE_PROTOCOL_VERSIONS))


def _for_header(name: str) -> str:
    """A name as HTTP can carry it."""
    if name.isascii() and name.isprintable() and name == name.strip():
        return name
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="


def _bounded(response: requests.Response, too_much: Callable[[], Exception]) -> Iterator[bytes]:
    size = 0
    for piece in response.iter_content(None):
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise too_much()
        yield piece


def _events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each event of a text/event-stream."""
    data: list[bytes] = []
    for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n")
        yield from whole

"""One message of the Model Context Protocol as it comes over HTTP: read, checked, or refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from flask import Response, jsonify
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    DEFAULT_NEGOTIATED_VERSION,
    PROTOCOL_VERSION_META_KEY,
)
from mcp_types.jsonrpc import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    JSONRPCNotification,
    JSONRPCRequest,
)
from mcp_types.methods import validate_client_request
from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    MODERN_PROTOCOL_VERSIONS,
)
from pydantic import ValidationError
from pydantic_core import from_json
from werkzeug.datastructures import Headers

from tool_services.framework.tools import JsonObject

VERSION_HEADER = "MCP-Protocol-Version"
METHOD_HEADER = "Mcp-Method"
NAME_HEADER = "Mcp-Name"
SUPPORTED_VERSIONS = (*MODERN_PROTOCOL_VERSIONS, *HANDSHAKE_PROTOCOL_VERSIONS)
_ENCODED = ("=?base64?", "?=")


class ProtocolError(Exception):
    """A JSON-RPC error with the HTTP status that it comes with."""

    def __init__(
        self, status: int, code: int, message: str, data: Any = None, request_id: Any = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        self.request_id = request_id

    @classmethod
    def outside(cls, status: int, message: str, reason: str) -> Self:
        """Refused by what stands before the protocol, such as the check of the token."""
        code = INVALID_REQUEST if status < 500 else INTERNAL_ERROR
        return cls(status, code, message, {"reason": reason})

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        response = jsonify(jsonrpc="2.0", id=self.request_id, error=self.error)
        response.status_code = self.status
        response.headers.update(headers or {})
        return response


@dataclass(frozen=True)
class Message:
    """A request, or a notification, whose `id` is None."""

    id: int | str | None
    method: str
    params: JsonObject
    version: str

    @property
    def is_modern(self) -> bool:
        return self.version in MODERN_PROTOCOL_VERSIONS

    def refused(
        self, code: int, message: str, status: int = 400, data: Any = None
    ) -> ProtocolError:
        """The error that answers this message. The handshake revisions know no HTTP statuses
        for what the protocol itself refuses."""
        return ProtocolError(status if self.is_modern else 200, code, message, data, self.id)

    def require_capabilities(self, needed: Sequence[str]) -> None:
        """Raise ProtocolError if the client doesn't say that it can do all of this.

        Only a modern request says so; before, it was said in a handshake that nobody remembers.
        """
        meta = self.params.get("_meta") or {}
        declared = meta.get(CLIENT_CAPABILITIES_META_KEY, {})
        missing = [name for name in needed if name not in declared]
        if missing:
            sentence = f"This needs a client that can do {', '.join(missing)}."
            data: JsonObject = {"requiredCapabilities": {name: {} for name in missing}}
            raise self.refused(MISSING_REQUIRED_CLIENT_CAPABILITY, sentence, 400, data)

    def unknown_method(self) -> ProtocolError:
        return self.refused(METHOD_NOT_FOUND, f"There is no method {self.method[:60]!r}.", 404)


def read_message(body: bytes, headers: Headers) -> Message:
    """The message that a request's body holds and its headers agree with.

    Raises ProtocolError with what the specification says of each mistake.
    """
    envelope = _envelope(body)
    request_id = envelope.id if isinstance(envelope, JSONRPCRequest) else None
    params = envelope.params or {}
    meta = params.get("_meta")
    claimed = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None
    sent = headers.get(VERSION_HEADER)
    if claimed is None and sent not in MODERN_PROTOCOL_VERSIONS:
        version = _handshake_version(envelope.method, sent, request_id)
        message = Message(request_id, envelope.method, params, version)
    else:
        message = Message(request_id, envelope.method, params, MODERN_PROTOCOL_VERSIONS[-1])
        if request_id is not None:
            _check_modern(message, meta if isinstance(meta, dict) else {}, headers)
    if request_id is not None:
        _check_params(message)
    return message


def _envelope(body: bytes) -> JSONRPCRequest | JSONRPCNotification:
    try:
        # Unlike the standard library's, this parser refuses NaN, lone surrogates and deep nesting.
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ProtocolError(400, PARSE_ERROR, f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        sentence = "The body must be one JSON-RPC message; batches are not taken."
        raise ProtocolError(400, INVALID_REQUEST, sentence)
    kind = JSONRPCRequest if "id" in value else JSONRPCNotification
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        sentence = f"The body is no JSON-RPC request: {_mistakes(error)}."
        raise ProtocolError(400, INVALID_REQUEST, sentence) from error


def _handshake_version(method: str, sent: str | None, request_id: Any) -> str:
    """The revision that the header names. `initialize` is asked before one is agreed on."""
    if method == "initialize":
        return LATEST_HANDSHAKE_VERSION
    version = DEFAULT_NEGOTIATED_VERSION if sent is None else sent
    if version not in HANDSHAKE_PROTOCOL_VERSIONS:
        raise _unsupported(version, request_id)
    return version


def _unsupported(version: str, request_id: Any) -> ProtocolError:
    return ProtocolError(
        400,
        UNSUPPORTED_PROTOCOL_VERSION,
        f"The revision {version[:40]!r} is not spoken here.",
        {"supported": SUPPORTED_VERSIONS, "requested": version},
        request_id,
    )


def _check_modern(message: Message, meta: JsonObject, headers: Headers) -> None:
    for key in (PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY):
        if key not in meta:
            raise message.refused(INVALID_PARAMS, f"params._meta must carry {key}.")
    version = meta[PROTOCOL_VERSION_META_KEY]
    named = message.params.get("name")
    expected = {VERSION_HEADER: version, METHOD_HEADER: message.method}
    if message.method == "tools/call" and isinstance(named, str):
        expected[NAME_HEADER] = named
    for header, value in expected.items():
        sent = _decoded(headers.get(header))
        if sent != value:
            sentence = f"The header {header} must be there and say what the body says."
            raise message.refused(HEADER_MISMATCH, sentence)
    if version not in MODERN_PROTOCOL_VERSIONS:
        raise _unsupported(str(version), message.id)


def _decoded(header: str | None) -> str | None:
    """A header's value. What HTTP can't carry as it is comes in base64, between two marks."""
    start, end = _ENCODED
    if header is None or not (header.startswith(start) and header.endswith(end)):
        return header
    try:
        return base64.b64decode(header[len(start) : -len(end)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _check_params(message: Message) -> None:
    params = message.params or None
    try:
        validate_client_request(message.method, message.version, params)
    except KeyError:
        raise message.unknown_method() from None
    except ValidationError as error:
        raise message.refused(
            INVALID_PARAMS, f"The params are wrong: {_mistakes(error)}."
        ) from None


def _mistakes(error: ValidationError) -> str:
    problems = (
        (".".join(map(str, problem["loc"])) or "body", problem["msg"]) for problem in error.errors()
    )
    return "; ".join(f"{place}: {message}" for place, message in problems)

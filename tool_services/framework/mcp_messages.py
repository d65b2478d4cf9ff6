"""Read one message of the Model Context Protocol from an HTTP request, or refuse it."""

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
    LOG_LEVEL_META_KEY,
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
from werkzeug.datastructures import Headers

from tool_services.framework.json_input import read_json
from tool_services.framework.schemas import JsonObject

VERSION_HEADER = "MCP-Protocol-Version"
METHOD_HEADER = "Mcp-Method"
NAME_HEADER = "Mcp-Name"
STATELESS_VERSIONS = MODERN_PROTOCOL_VERSIONS
SUPPORTED_VERSIONS = (*STATELESS_VERSIONS, *HANDSHAKE_PROTOCOL_VERSIONS)
LONGEST_QUOTE = 60
_BASE64_MARKS = ("=?base64?", "?=")


class ProtocolError(Exception):
    """A JSON-RPC error and the HTTP status of its response."""

    def __init__(
        self, status: int, code: int, message: str, data: Any = None, request_id: Any = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        self.request_id = request_id

    @classmethod
    def before_the_protocol(cls, status: int, message: str, reason: str) -> Self:
        """Return the error for a request refused before its body was read, as by its token."""
        code = INVALID_REQUEST if status < 500 else INTERNAL_ERROR
        return cls(status, code, message, {"reason": reason})

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """Return the HTTP response."""
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
    def is_stateless(self) -> bool:
        return self.version in STATELESS_VERSIONS

    @property
    def progress_token(self) -> int | str | None:
        """What the client wants to be told of the call's progress under, if it does."""
        token = self._meta.get("progressToken")
        return token if isinstance(token, (int, str)) else None

    @property
    def log_level(self) -> str:
        """The least level of log lines that the client wants to have, or "" for none.

        Only a stateless request says so. Before, it was agreed on in a session, which the service
        doesn't keep.
        """
        return str(self._meta.get(LOG_LEVEL_META_KEY, "")) if self.is_stateless else ""

    @property
    def _meta(self) -> JsonObject:
        return self.params.get("_meta") or {}

    def refused(
        self, code: int, message: str, status: int = 400, data: Any = None
    ) -> ProtocolError:
        """Return the error that answers this message.

        The handshake revisions don't use HTTP statuses for errors of the protocol.
        """
        return ProtocolError(status if self.is_stateless else 200, code, message, data, self.id)

    def require_capabilities(self, needed: Sequence[str]) -> None:
        """Raise ProtocolError unless the client declares all these capabilities.

        Only a stateless request declares them. Before, they came with a handshake, which the
        service doesn't keep.
        """
        declared = self._meta.get(CLIENT_CAPABILITIES_META_KEY, {})
        missing = [name for name in needed if name not in declared]
        if missing:
            sentence = f"The tool needs a client with the capability {', '.join(missing)}."
            data: JsonObject = {"requiredCapabilities": {name: {} for name in missing}}
            raise self.refused(MISSING_REQUIRED_CLIENT_CAPABILITY, sentence, 400, data)

    def unknown_method(self) -> ProtocolError:
        sentence = f"There is no method {self.method[:LONGEST_QUOTE]!r}."
        return self.refused(METHOD_NOT_FOUND, sentence, 404)


def read_message(body: bytes, headers: Headers) -> Message:
    """Return the message in a request's body, checked against the request's headers.

    Raises ProtocolError with the code that the specification gives each mistake.
    """
    envelope = _read_envelope(body)
    request_id = envelope.id if isinstance(envelope, JSONRPCRequest) else None
    params = envelope.params or {}
    meta = params.get("_meta")
    claimed = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None
    header = headers.get(VERSION_HEADER)
    if claimed is None and header not in STATELESS_VERSIONS:
        version = _handshake_version(envelope.method, header, request_id)
        message = Message(request_id, envelope.method, params, version)
    else:
        message = Message(request_id, envelope.method, params, STATELESS_VERSIONS[-1])
        if request_id is not None:
            _check_stateless(message, meta if isinstance(meta, dict) else {}, headers)
    if request_id is not None:
        _check_params(message)
    return message


def _read_envelope(body: bytes) -> JSONRPCRequest | JSONRPCNotification:
    try:
        value = read_json(body)
    except ValueError as error:
        raise ProtocolError(400, PARSE_ERROR, f"The body is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        sentence = "The body must be one JSON-RPC message. Batches are not supported."
        raise ProtocolError(400, INVALID_REQUEST, sentence)
    kind = JSONRPCRequest if "id" in value else JSONRPCNotification
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        sentence = f"The body is not a JSON-RPC request: {_problems(error)}."
        raise ProtocolError(400, INVALID_REQUEST, sentence) from error


def _handshake_version(method: str, header: str | None, request_id: Any) -> str:
    """Return the revision in the header. `initialize` comes before one is agreed on."""
    if method == "initialize":
        return LATEST_HANDSHAKE_VERSION
    version = DEFAULT_NEGOTIATED_VERSION if header is None else header
    if version not in HANDSHAKE_PROTOCOL_VERSIONS:
        raise _unsupported(version, request_id)
    return version


def _unsupported(version: str, request_id: Any) -> ProtocolError:
    return ProtocolError(
        400,
        UNSUPPORTED_PROTOCOL_VERSION,
        f"The protocol revision {version[:LONGEST_QUOTE]!r} is not supported.",
        {"supported": SUPPORTED_VERSIONS, "requested": version},
        request_id,
    )


def _check_stateless(message: Message, meta: JsonObject, headers: Headers) -> None:
    for key in (PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY):
        if key not in meta:
            raise message.refused(INVALID_PARAMS, f"params._meta must contain {key}.")
    version = meta[PROTOCOL_VERSION_META_KEY]
    tool_name = message.params.get("name")
    expected = {VERSION_HEADER: version, METHOD_HEADER: message.method}
    if message.method == "tools/call" and isinstance(tool_name, str):
        expected[NAME_HEADER] = tool_name
    for header, value in expected.items():
        if _decode_header(headers.get(header)) != value:
            sentence = f"The header {header} is required and must match the body."
            raise message.refused(HEADER_MISMATCH, sentence)
    if version not in STATELESS_VERSIONS:
        raise _unsupported(str(version), message.id)


def _decode_header(header: str | None) -> str | None:
    """Return a header's value. Text that HTTP can't carry comes in base64, between two marks."""
    start, end = _BASE64_MARKS
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
        sentence = f"The params are wrong: {_problems(error)}."
        raise message.refused(INVALID_PARAMS, sentence) from None


def _problems(error: ValidationError) -> str:
    problems = (
        (".".join(map(str, problem["loc"])) or "body", problem["msg"]) for problem in error.errors()
    )
    return "; ".join(f"{place}: {message}" for place, message in problems)

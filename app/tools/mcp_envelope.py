"""What each message to a server carries beside its params, as its revision of the protocol says."""

from __future__ import annotations

import base64
from typing import Any

from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tool_services import __version__

CLIENT = {"name": "homestream", "version": __version__}
SESSION_HEADER = "Mcp-Session-Id"


def meta_of(revision: str) -> dict[str, Any]:
    """Return what a request says of its client. Before, a handshake did."""
    if revision not in MODERN_PROTOCOL_VERSIONS:
        return {}
    return {
        PROTOCOL_VERSION_META_KEY: revision,
        CLIENT_INFO_META_KEY: CLIENT,
        CLIENT_CAPABILITIES_META_KEY: {},
        LOG_LEVEL_META_KEY: "info",
    }


def headers_of(message: dict[str, Any], revision: str, session: str | None) -> dict[str, str]:
    """Return the headers of a message."""
    headers = {"Accept": "application/json, text/event-stream"}
    if message["method"] != "initialize":
        headers["MCP-Protocol-Version"] = revision
    if revision in MODERN_PROTOCOL_VERSIONS:
        headers["Mcp-Method"] = message["method"]
        if "name" in message["params"]:
            headers["Mcp-Name"] = _encode_for_header(message["params"]["name"])
    elif session:
        headers[SESSION_HEADER] = session
    return headers


def _encode_for_header(name: str) -> str:
    if name.isascii() and name.isprintable() and name == name.strip():
        return name
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="

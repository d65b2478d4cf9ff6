"""Whether a token lets its holder make one call: the tool's scope, and that call's arguments."""

from __future__ import annotations

from typing import Any

from tool_services.framework.argument_digest import argument_digest
from tool_services.framework.tokens import Caller, TokenVerifier
from tool_services.framework.tools import Tool


def check_permission(
    verifier: TokenVerifier, caller: Caller, tool: Tool, arguments: Any, key: str | None
) -> None:
    """Check that the token is for this call, whose idempotency key is `key`.

    Raises InsufficientScopeError, and OtherCallError if the tool does more than read and the token
    was minted for something else than this call.
    """
    verifier.require_tool_scope(caller, tool.scope, read_only=tool.reads_only)
    if tool.reads_only:
        return
    if caller.args != argument_digest(arguments) or caller.call not in (None, key):
        raise verifier.other_call()

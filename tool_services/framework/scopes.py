"""The scopes that every tool service knows, and what a scope's name says."""

from __future__ import annotations

import re

CALL_SCOPE = "tools:call"
"""Lets its holder call tools, each with the tool's own scope beside it."""
LIST_SCOPE = "tools:list"
PREVIEW_SCOPE = "tools:preview"
"""Goes with tools:call in a token for previews, which then calls no tool."""
SCOPE_META_KEY = "homestream/scope"
"""Where a tool's definition has the scopes that a call's token needs, as OAuth writes them."""

EXAMPLES_META_KEY = "homestream/examples"
"""Where a tool's definition has questions for which a model calls it."""
WORDS_META_KEY = "homestream/words"
"""Where a tool's definition has the line that tells a call of it to people, and a result the few
words on what came of it."""
SUGGESTIONS_META_KEY = "homestream/suggestions"
"""Where a result has questions to ask next."""


def may_only_read(scope: str) -> bool:
    """Return whether a scope lets its holder change or send nothing, as its name has to say."""
    return scope.endswith(":read")


def read_scope(service: str) -> str:
    """Return the scope of a service's tools that only read, such as listings:read."""
    return f"{service.replace('_', '-')}:read"


def act_scope(service: str, tool: str) -> str:
    """Return the scope of a tool that does more than read, such as tickets:open-ticket."""
    words = re.sub("([A-Z])", r"-\1", tool).lower()
    return f"{service.replace('_', '-')}:{words}"

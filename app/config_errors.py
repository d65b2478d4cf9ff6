"""What is wrong with the settings, in sentences for the person who made them."""

from __future__ import annotations

import re

from pydantic import ValidationError
from pydantic_core import ErrorDetails

# Errors don't show the values of these settings.
_HAS_SECRET = re.compile(r"SECRET|ACCESS_KEY|API_KEY|DATABASE_URL|REDIS_URL|SMTP_URL|MCP_SERVERS")
_REASONS = {"missing": "is missing", "extra_forbidden": "is none of url, token and tools"}
"""Rest of the sentence by the type of pydantic's error, where its own message won't do."""


class SettingsError(Exception):
    """Settings are missing or wrong; the text has a sentence for each, with how to mend it."""


def sentences_of(error: ValidationError) -> list[str]:
    """Return a sentence for each bad setting, without the value of a secret one."""
    details = [
        detail
        for detail in error.errors()
        # A default that depends on a refused setting is no mistake of its own.
        if detail["type"] != "default_factory_not_called"
    ]
    return list(map(_sentence, details))


def _sentence(detail: ErrorDetails) -> str:
    reason = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    reason = _REASONS.get(detail["type"], reason.partition(", unable to")[0])
    if not detail["loc"]:
        return f"{reason} (in .env or the environment)."
    name = str(detail["loc"][0]).upper()
    if not _HAS_SECRET.search(name):
        # A URL may have a user's name and password in it.
        shown = re.sub(r"//[^/\s]*@", "//***@", str(detail["input"]))
        reason = f"is {shown!r}, but {reason}"
    elif len(detail["loc"]) > 1:
        reason = f"({'.'.join(map(str, detail['loc'][1:]))}) {reason}"
    return f"{name} {reason}. Change it in .env or in the environment."

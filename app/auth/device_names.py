"""Names of devices for people."""

from __future__ import annotations

UNKNOWN = "Unknown device"


def name_device(user_agent: str) -> str:
    """Return a name such as "Firefox on Linux" for what a browser or program calls itself."""
    from ua_parser import parse  # its patterns take 5 MB, which most workers never need

    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return " on ".join(filter(None, (browser, system))) or UNKNOWN

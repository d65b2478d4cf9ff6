"""The tickets of a support desk."""

from __future__ import annotations

from tool_services.framework.service import Service

SERVICE = Service(
    __name__,
    "Keeps a support desk's tickets: finds, opens, answers and closes them.",
    tools=".tools:TOOLS",
    database=".models:db",
    samples=".models:SAMPLES",
)

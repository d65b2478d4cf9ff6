"""The analytics service: how listings perform, and how their markets move."""

from __future__ import annotations

from tool_services.framework.service import Service

SERVICE = Service(
    __name__,
    "Knows how listings perform and how their markets move.",
    tools=".tools:TOOLS",
    database=".models:db",
    samples=".samples:SAMPLES",
    calls=("listings",),
    port=8002,
)

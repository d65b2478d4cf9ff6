"""The notes service, for tests of the framework and of the app."""

from __future__ import annotations

from tool_services.framework.service import Service

SERVICE = Service(
    __name__,
    "Keeps notes.",
    tools=".tools:TOOLS",
    database=".models:db",
    samples=".models:SAMPLES",
    calls=("peer",),
    setup=".endpoints:add_endpoints",
    capabilities=("outbox",),
    port=8009,
)

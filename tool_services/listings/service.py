"""The listings service: homes for sale, and reports about them by e-mail."""

from __future__ import annotations

from tool_services.framework.service import Service
from tool_services.listings.settings import ListingsSettings

SERVICE = Service(
    __name__,
    "Finds homes for sale and writes reports about them.",
    tools=".tools:tools",
    settings=ListingsSettings,
    database=".models:db",
    samples=".samples:SAMPLES",
    setup=".endpoints:add_endpoints",
    capabilities=("outbox",),
    port=8001,
)

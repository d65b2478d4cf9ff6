"""The settings of the analytics service."""

from __future__ import annotations

from tool_services.framework.settings import Port, ServiceSettings, Url, on_loopback, sqlite_file

# The share of a tool call's time that asking the listings service may take.
PEER_TIMEOUT_SHARE = 0.6


class AnalyticsSettings(ServiceSettings):
    """The settings that this service adds."""

    listings_port: Port = 8001
    analytics_port: Port = 8002
    listings_url: Url = on_loopback("listings_port")
    analytics_url: Url = on_loopback("analytics_port")
    analytics_database_url: str = sqlite_file("analytics.db")

    @property
    def peer_timeout(self) -> float:
        """Seconds that a request to the listings service may take."""
        return self.tool_timeout * PEER_TIMEOUT_SHARE

"""The list of this repository's tool services, for the app and for the programs that start them.

This module imports the services' settings, but not the services.
"""

from __future__ import annotations

from pathlib import Path

from tool_services.analytics.settings import AnalyticsSettings
from tool_services.framework.settings import load_settings as load
from tool_services.listings.settings import ListingsSettings

NAMES = ("listings", "analytics")
"""Each is a folder here, and begins the names of its settings for port and URL."""


def folders() -> dict[str, Path]:
    """Return each service's folder by the service's name."""
    return {name: Path(__file__).parent / name for name in NAMES}


class Settings(ListingsSettings, AnalyticsSettings):
    """The settings of every service. Each service's `create_app` accepts them."""


def load_settings() -> Settings:
    """Read the settings. A bad one ends the program with a sentence on stderr."""
    return load(Settings)


def default_urls() -> dict[str, str]:
    """Return each service's base URL, which its tokens carry as audience, by the service's name.

    Raises pydantic's ValidationError for a bad setting.
    """
    settings = Settings()
    return {name: getattr(settings, f"{name}_url") for name in NAMES}


def ports(settings: Settings) -> dict[str, int]:
    """Return the port of each service by its name."""
    return {name: getattr(settings, f"{name}_port") for name in NAMES}


def default_exchanges() -> dict[str, str]:
    """Return which service may call which other one on a person's behalf."""
    return {"analytics": "listings"}

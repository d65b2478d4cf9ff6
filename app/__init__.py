"""Homestream: a streaming AI agent that people can trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(config: Settings | None = None) -> Flask:
    """Create the web app. Raises SettingsError with a sentence for each bad setting."""
    # Now rather than above: commands that need only the settings start in half the time.
    from app.wiring import wire

    return wire(config)

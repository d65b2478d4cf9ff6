"""A tool service as a WSGI app: gunicorn "tool_services.app:create_app('listings')"."""

from __future__ import annotations

from flask import Flask

from tool_services import all_services
from tool_services.framework import app_factory


def create_app(name: str) -> Flask:
    """Create the app of the service with this name, with its settings from the environment."""
    return app_factory.create_app(all_services.service(name), all_services.load_settings())

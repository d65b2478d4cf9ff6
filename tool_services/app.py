"""A tool service as a WSGI app: gunicorn "tool_services.app:create_app('listings')".

Or all of them as one, for a machine with little memory: "tool_services.app:create_all()".
"""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask

from tool_services import all_services
from tool_services.framework import app_factory


def create_app(name: str) -> Flask:
    """Create the app of the service with this name, with its settings from the environment."""
    return app_factory.create_app(all_services.service(name), all_services.load_settings())


def create_all() -> WSGIApplication:
    """Create all services for one process, which has to listen at the port of each.

    Nothing else about them changes: each has its URL, its database, and tokens of its own.
    """
    settings = all_services.load_settings()
    by_port: dict[str, WSGIApplication] = {
        str(service.port_in(settings)): app_factory.create_app(service, settings)
        for service in all_services.services()
    }

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return by_port[environ["SERVER_PORT"]](environ, start_response)

    return dispatch

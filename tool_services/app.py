"""A tool service as a WSGI app: gunicorn "tool_services.app:create_app('listings')".

Or all of them as one, for a machine with little memory: "tool_services.app:create_all()".
"""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from werkzeug import Response

from tool_services import all_services
from tool_services.framework import app_factory


def create_app(name: str) -> Flask:
    """Create the app of the service with this name, with its settings from the environment."""
    return app_factory.create_app(all_services.service(name), all_services.load_settings())


def create_by_port() -> dict[int, WSGIApplication]:
    """Create all services; return each by the port that its setting says."""
    settings = all_services.load_settings()
    return {
        service.port_in(settings): app_factory.create_app(service, settings)
        for service in all_services.services()
    }


def create_all() -> WSGIApplication:
    """Create all services for one process, which has to listen at the port of each.

    Nothing else about them changes: each has its URL, its database, and tokens of its own.
    """
    by_port = create_by_port()
    settings = all_services.load_settings()
    ports = " ".join(
        f"{each.name.upper()}_PORT={each.port_in(settings)}" for each in all_services.services()
    )

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        port = environ["SERVER_PORT"]
        served = by_port.get(int(port))
        if served is None:
            served = Response(f"No tool service has port {port}. The settings say {ports}.\n", 421)
        return served(environ, start_response)

    return dispatch

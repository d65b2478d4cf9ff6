"""The whole product in one process, for a machine with little memory.

For gunicorn: `scripts.one_process:app`, which has to listen at every port of the settings. A
request's port says whose it is. All else is as with a process for each: the parts call each other
over HTTP, and each tool service has its URL, its database, and tokens of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask

import demo_model
from app.config import load_settings
from tool_services.app import create_by_port
from wsgi import app


def add_others(app: Flask, others: Mapping[int, WSGIApplication]) -> None:
    """Have the app pass on each request that came to the port of another one."""
    own = app.wsgi_app

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return others.get(int(environ["SERVER_PORT"]), own)(environ, start_response)

    app.wsgi_app = dispatch  # type: ignore[method-assign]


def _create_others() -> dict[int, WSGIApplication]:
    settings, others = load_settings(), create_by_port()
    if settings.uses_demo_model:
        others[settings.demo_model_port] = demo_model.create_app()
    return others


add_others(app, _create_others())

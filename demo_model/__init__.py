"""A rule-based stand-in for a language model that speaks the OpenAI wire protocol.

It lets the whole program run with no key and no network. It knows no domain: what it understands
is in the phrases of the tool services' folders and in the schemas of the tools that a request
offers, and what it answers is composed from their results.
"""

from __future__ import annotations

import logging
import sys

from flask import Flask

from demo_model.api import LIBRARY, PACE, api
from demo_model.config import CannotStart, Settings, load_settings
from demo_model.phrasebook import load_library

# To gunicorn this means that the app can't load: it stops instead of starting the worker again.
CANNOT_LOAD = 4


def create_app(settings: Settings | None = None) -> Flask:
    """The service as a WSGI app. Wrong settings or phrases end the process with a sentence."""
    try:
        settings = settings or load_settings()
        library = load_library(settings.tool_services_folder)
    except CannotStart as error:
        print(error, file=sys.stderr)
        raise SystemExit(CANNOT_LOAD) from None
    app = Flask(__name__)
    app.config[PACE] = settings.pace
    app.config[LIBRARY] = library
    app.logger.setLevel(logging.INFO)
    app.register_blueprint(api)
    return app

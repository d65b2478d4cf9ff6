"""The web app for gunicorn and the `flask` command."""

import sys

from app import create_app
from app.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    print(error, file=sys.stderr)
    # The exit code that gunicorn gives up on; with another it would start the worker for ever.
    sys.exit(3)

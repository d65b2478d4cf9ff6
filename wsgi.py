"""The web app for gunicorn and the `flask` command."""

import logging
import sys

from app import create_app
from app.config import SettingsError

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
for _chatty in ("httpx2", "alembic"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

try:
    app = create_app()
except SettingsError as error:
    print(error, file=sys.stderr)
    # The exit code that gunicorn gives up on; with another it would start the worker for ever.
    sys.exit(3)

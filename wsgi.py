"""The web app, for gunicorn and the `flask` command."""

import logging
import sys

import click

from app import create_app
from app.config_errors import SettingsError

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
for _verbose in ("httpx2", "alembic"):
    logging.getLogger(_verbose).setLevel(logging.WARNING)

try:
    app = create_app()
except SettingsError as error:
    print(error, file=sys.stderr)
    # gunicorn gives up on this exit code. With another one it would start workers without end.
    sys.exit(3)

if click.get_current_context(silent=True):
    # A command reads this, such as `flask --app wsgi db upgrade`.
    from app.db.connection import add_migrations

    add_migrations(app)

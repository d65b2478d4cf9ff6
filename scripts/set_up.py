"""Create the secrets and bring the web app's database up to date: the end of `make setup`.

The tool services need nothing here: each creates its own tables and loads its sample rows.
"""

from __future__ import annotations

import sys

import flask_migrate
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.config import load_settings
from app.db import connection
from app.db.models import db
from scripts import ROOT, StartError
from scripts.services import configured_services


def migrate() -> None:
    """Bring the web app's database up to date. Raises StartError if that fails."""
    settings = load_settings()
    # Not the whole app: to import it would add a second to each start.
    app = Flask("app", instance_path=str(settings.instance_dir))
    connection.init_app(app, settings.database_url, settings.database_connections)
    connection.add_migrations(app)
    try:
        with app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            db.engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        reason = getattr(error, "orig", None) or error
        raise StartError(
            f"The database that DATABASE_URL names can't be brought up to date: {reason}. "
            "Set DATABASE_URL in .env to one that can."
        ) from None


def main() -> None:
    try:
        configured_services()
        migrate()
    except StartError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""Makes what must be there before a start: the secrets, and the database in its newest shape.

The tool services need nothing here: each makes its own tables and loads its sample rows.
"""

from __future__ import annotations

import sys

import flask_migrate
from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from app.db.models import db
from scripts.launch import ROOT, LaunchError, plan


def migrate() -> None:
    """Bring the web app's database up to date; raises LaunchError when it can't be."""
    # In this process: the `flask` command would spend most of a start on importing it all again.
    try:
        with create_app().app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            db.engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        reason = getattr(error, "orig", None) or error
        raise LaunchError(
            f"The database that DATABASE_URL names can't be brought up to date: {reason}. "
            "Set DATABASE_URL in .env to one that can."
        ) from None


def main() -> None:
    try:
        plan()
        migrate()
    except LaunchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

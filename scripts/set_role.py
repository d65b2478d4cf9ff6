"""Give the account with an e-mail address a role."""

from __future__ import annotations

import os
import sys

from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from app.auth import roles, security_log
from app.auth.place import Place
from app.config_errors import SettingsError
from app.db.models import db
from app.errors import HomestreamError

USAGE = "Say whom, and which role: make role EMAIL=ann@example.com ROLE=admin (or user)"


def main(email: str, role: str) -> str:
    """Change the role and return what to tell. Raises ValueError, HomestreamError."""
    if not email or role not in roles.ROLES:
        raise ValueError(USAGE)
    with create_app().app_context():
        person = roles.find(email)
        if roles.change(person.id, role):
            detail = f"{role}, on the command line"
            security_log.note("role_changed", person.id, Place("", ""), detail)
        db.engine.dispose()
        return f"{person.email} has the role {role} now."


if __name__ == "__main__":
    try:
        print(main(os.environ.get("EMAIL", ""), os.environ.get("ROLE", "")))
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", error)
        sys.exit(f"The role is as it was, since the database can't be used: {reason}")
    except (HomestreamError, OSError, ValueError, SettingsError) as error:
        sys.exit(f"The role is as it was. {error}")

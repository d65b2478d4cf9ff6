"""Make an invitation to sign up, and print its link: `make invite DAYS=7`."""

from __future__ import annotations

import sys

from app import create_app
from app.auth.invitations import MOST_DAYS, make_invitation
from app.config import load_settings
from app.config_errors import SettingsError
from app.db.models import db


def main(days: int = 7) -> str:
    """Make the invitation and return its link. Raises ValueError."""
    settings = load_settings()
    if settings.sign_up == "closed":
        raise ValueError("SIGN_UP is closed; set it to invitation in .env")
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"DAYS must be from 1 to {MOST_DAYS}")
    with create_app(settings).app_context():
        code = make_invitation(None, days)
        db.engine.dispose()
    return f"{settings.app_url}/auth/signup?invitation={code}"


if __name__ == "__main__":
    try:
        print(main(*map(int, sys.argv[1:])))
    except (ValueError, SettingsError) as error:
        sys.exit(f"There is no invitation: {error}")

"""Accounts with a conversation each, for the readers: python -m bench.accounts COUNT

Writes them into the database that the settings name and prints them as JSON. A thousand sign-ups
over HTTP would take minutes, and are not what is measured.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import asdict, dataclass
from datetime import timedelta

from flask_jwt_extended import create_access_token

from app import create_app
from app.auth import session_table
from app.auth.place import Place
from app.db.models import Conversation, User, db, new_id
from scripts.services import configured_services
from scripts.set_up import migrate


@dataclass(frozen=True)
class Account:
    """An account's access token and its conversation."""

    token: str
    conversation_id: str

    @property
    def csrf(self) -> str:
        """The value that forms of this session have to carry."""
        claims = self.token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(claims + "=="))["csrf"])


def create_accounts(count: int) -> list[Account]:
    """Bring the database up to date and add so many accounts."""
    configured_services()
    migrate()
    with create_app().app_context():
        accounts = [_create(number) for number in range(count)]
        db.session.commit()
        db.engine.dispose()
    return accounts


def _create(number: int) -> Account:
    user = User(id=new_id(), email=f"r{number}@example.com", name="Reader", password_hash="")
    conversation = Conversation(id=new_id(), user_id=user.id, title="Reading rooms")
    db.session.add(user)
    db.session.flush()
    db.session.add(conversation)
    session = session_table.begin(user.id, Place("", "bench"), timedelta(days=1))
    claims = {"sid": session.id, "csrf": new_id()}
    return Account(create_access_token(user.id, additional_claims=claims), conversation.id)


def main() -> None:
    accounts = create_accounts(int(sys.argv[1]))
    print(json.dumps([asdict(account) for account in accounts]))


if __name__ == "__main__":
    main()

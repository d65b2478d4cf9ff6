"""People with accounts and conversations, for measuring: python -m bench.people COUNT

They are written straight into the database that the settings name. A thousand sign-ups over HTTP
would take minutes, and are not what is measured.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import asdict, dataclass

from flask_jwt_extended import create_access_token

from app import create_app
from app.db.models import Conversation, User, db, new_id
from scripts.services import configured_services
from scripts.set_up import migrate


@dataclass(frozen=True)
class Person:
    """Somebody with an account and a conversation."""

    token: str
    conversation_id: str

    @property
    def csrf(self) -> str:
        claims = self.token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(claims + "=="))["csrf"])


def prepared(count: int) -> list[Person]:
    """A database in its newest shape, with so many people in it."""
    configured_services()
    migrate()
    with create_app().app_context():
        people = [_person(number) for number in range(count)]
        db.session.commit()
        db.engine.dispose()
    return people


def _person(number: int) -> Person:
    user = User(id=new_id(), email=f"r{number}@example.com", name="Reader", password_hash="")
    conversation = Conversation(id=new_id(), user_id=user.id, title="Homes")
    db.session.add(user)
    db.session.flush()
    db.session.add(conversation)
    session = {"sid": new_id(), "csrf": new_id()}
    return Person(create_access_token(user.id, additional_claims=session), conversation.id)


def main() -> None:
    people = prepared(int(sys.argv[1]))
    print(json.dumps([asdict(person) for person in people]))


if __name__ == "__main__":
    main()

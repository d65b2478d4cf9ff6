"""How long a search among 100,000 messages takes: python -m bench.chat_search

Writes conversations (always the same) into SQLite and PostgreSQL, twice: all of one person, and of
a thousand people. One person searches, by the function that the page calls. What PostgreSQL's
process does for it is counted with this one's CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from random import Random as Dice
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert, text

from app import create_app
from app.auth.key_files import ensure_secrets
from app.config import Settings
from app.conversations.search import search
from app.db.connection import MIGRATIONS, add_migrations
from app.db.models import Conversation, Message, User, db, new_id, utc_now
from bench.search_times import databases, main, measure, report

_EACH = 20  # messages of a conversation
_WORDS_EACH = 120
_SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi zo kra ster lin mon tal dor".split()  # noqa: SIM905
_HALF = "hearth"
"""A word that is in half of the messages, and not in the vocabulary."""
_PEOPLE = {"one person": 1, "a thousand people": 1_000}
_SEARCHER = "person0"


def vocabulary() -> list[str]:
    """Return 20,000 words, the commonest first."""
    dice = Dice(1)
    words: dict[str, None] = {}
    while len(words) < 20_000:
        words["".join(dice.choices(_SYLLABLES, k=dice.randrange(1, 5)))] = None
    return list(words)


def fill(count: int, people: int) -> float:
    """Write so many messages of so many people. Return the milliseconds that each took, its words
    included."""
    dice, words = Dice(2), vocabulary()
    sums = list(accumulate(1 / (rank + 3) for rank in range(len(words))))

    def some(count: int) -> str:
        return " ".join(dice.choices(words, cum_weights=sums, k=count))

    for number in range(people):
        person = f"person{number}"
        row = {"email": person, "name": person, "role": "user", "password_hash": ""}
        db.session.execute(insert(User).values(id=person, created_at=utc_now(), **row))
    began = time.perf_counter()
    for number in range(count // _EACH):
        owner = f"person{number % people}"
        at = utc_now() - timedelta(minutes=count - number)
        conversation = {"id": new_id(), "user_id": owner, "created_at": at, "updated_at": at}
        db.session.execute(insert(Conversation), conversation | {"title": some(6)})
        db.session.execute(
            insert(Message),
            [
                {
                    "id": new_id(),
                    "conversation_id": conversation["id"],
                    "position": position,
                    "role": "user" if position % 2 else "assistant",
                    "content": some(_WORDS_EACH) + f" {_HALF}" * dice.randrange(2),
                    "superseded": False,
                    "created_at": at,
                }
                for position in range(1, _EACH + 1)
            ],
        )
        db.session.commit()
    spent = time.perf_counter() - began
    if db.engine.dialect.name == "postgresql":
        # What the server does by itself within a minute.
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return spent * 1000 / count


def searches(dice: Dice) -> dict[str, Callable[[], str]]:
    """Return kinds of searches; each call makes one with other words."""
    words = vocabulary()

    def common() -> str:
        return dice.choice(words[:50])

    def rare() -> str:
        return dice.choice(words[5_000:])

    return {
        "a common word": common,
        "a rare word": rare,
        "the beginning of words, two letters": lambda: common()[:2],
        "the beginning of words, three letters": lambda: rare()[:3],
        "two common words": lambda: f"{common()} {common()}",
        "a common and a rare word": lambda: f"{common()} {rare()}",
        "a phrase": lambda: f'"{common()} {common()}"',
        "a word in half of the messages": lambda: _HALF,
        "that and a rare word": lambda: f"{_HALF} {rare()}",
        "a phrase with it": lambda: f'"{common()} {_HALF}"',
        "words that nobody has": lambda: f"{common()} xyzzy",
    }


def search_all(words: str) -> None:
    search(_SEARCHER, words)
    db.session.remove()


def app_on(url: str, folder: Path) -> Flask:
    """Return the app on a database, with its tables."""
    # The app lets nobody else into its folder; PostgreSQL is somebody else.
    folder.mkdir(exist_ok=True)
    ensure_secrets(folder)
    values: dict[str, Any] = {"instance_dir": folder, "database_url": url, "model": "any"}
    app = create_app(Settings(_env_file=None, **values))
    add_migrations(app)
    with app.app_context():
        upgrade(str(MIGRATIONS))
    return app


def run(folder: Path, count: int, rounds: int) -> None:
    """Measure on both databases. Uses what an earlier run has left in the folder."""
    for whose, people in _PEOPLE.items():
        part = folder / str(people)
        part.mkdir(exist_ok=True)
        with databases(part, "homestream.db") as urls:
            for name, url in urls.items():
                with app_on(url, part / "instance").app_context():
                    if db.session.get(User, _SEARCHER) is None:
                        print(f"{name}: {fill(count, people):.2f} ms to write a message")
                    times = measure(searches(Dice(3)), search_all, rounds, backend())
                    report(f"{name}, messages of {whose}", times)
                    db.engine.dispose()


def backend() -> int | None:
    """Return the id of PostgreSQL's process for the only connection; None on SQLite."""
    if db.engine.dialect.name == "sqlite":
        return None
    pid = db.session.scalar(text("SELECT pg_backend_pid()"))
    db.session.remove()
    return int(pid)


if __name__ == "__main__":
    main(run, __doc__, "messages", 100_000)

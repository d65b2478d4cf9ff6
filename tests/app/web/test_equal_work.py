"""What an address costs that has an account, and one that has none: the same, so that neither the
reply nor the time that it takes tells which is which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import argon2
import pytest
import requests
from flask import has_request_context
from sqlalchemy import event

from app.auth import passwords
from app.db.models import db
from scripts.ports import free_port
from tests.support.product import PASSWORD, QUICK_HASHER, Person, Product

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}


class CountingHasher(argon2.PasswordHasher):
    """Notes each computation of a hash."""

    def __init__(self) -> None:
        costs = QUICK_HASHER.time_cost, QUICK_HASHER.memory_cost, QUICK_HASHER.parallelism
        super().__init__(*costs)
        self.computed: list[str] = []

    def hash(self, *given: Any, **options: Any) -> str:
        self.computed.append("hash")
        return super().hash(*given, **options)

    def verify(self, *given: Any, **options: Any) -> Any:
        self.computed.append("verify")
        return super().verify(*given, **options)


@contextmanager
def noted_statements(product: Product) -> Iterator[list[str]]:
    """List the statements that requests send, each up to what it is about."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if has_request_context():
            sent.append(statement.split("(")[0].split("WHERE")[0].strip())

    with product.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def work_for(
    product: Product, path: str, fields: dict[str, str], headers: dict[str, str]
) -> tuple[int, str, list[str], list[str]]:
    """Send a form. Return the reply's status and text, the hashes computed, and the statements."""
    hasher = CountingHasher()
    passwords.init_app(product.app, hasher)
    with noted_statements(product) as statements:
        reply = requests.post(product.url + path, data=fields, headers=headers)
    text = reply.text.replace(fields["email"], "their address")
    return reply.status_code, text, hasher.computed, statements


@pytest.mark.engines
@pytest.mark.parametrize("headers", [HTML, JSON], ids=["html", "json"])
@pytest.mark.parametrize(
    ("path", "hashes", "settings"),
    [
        ("/auth/login", ["verify"], {}),
        ("/auth/forgot", [], {}),
        ("/auth/signup", ["hash"], {"require_verified_email": True}),
        ("/auth/signup", ["hash"], {"smtp_url": f"smtp://127.0.0.1:{free_port()}"}),
    ],
    ids=["log-in", "reset", "sign-up to be confirmed", "sign-up by mail"],
)
def test_an_address_with_an_account_gets_the_reply_and_the_work_of_any_other(
    start: Callable[..., Product],
    alice: Person,
    path: str,
    hashes: list[str],
    settings: dict[str, Any],
    headers: dict[str, str],
) -> None:
    product = start({}, instance_dir=alice.product.folder, **settings)
    fields = {"name": "Somebody", "password": PASSWORD + "!"}
    known = work_for(product, path, fields | {"email": alice.email}, headers)
    unknown = work_for(product, path, fields | {"email": "nobody@example.com"}, headers)
    assert known == unknown
    status, _, computed, statements = known
    assert (status, computed) == (401 if path == "/auth/login" else 202, hashes)
    mails = sum(statement.startswith("INSERT INTO mails") for statement in statements)
    assert mails == (0 if path == "/auth/login" else 1)

"""What the health checks tell, and to whom."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from sqlalchemy import text, update

from app.db.models import User, db
from tests.support.product import Person, Product

PATHS = ("/health", "/sse/health")
UP = {"status": "ok"}
OF_OUTSIDERS: list[dict[str, str]] = [
    {"X_Forwarded_For": "203.0.113.9"},
    {"X_Forwarded_For": "127.0.0.1"},
    {"X_Forwarded_For": ""},
    {"X_Forwarded_Host": "127.0.0.1"},
    {"X_Forwarded_Proto": "https"},
    {"Forwarded": "for=127.0.0.1"},
    {"X_Real_IP": "127.0.0.1"},
    {"Via": "1.1 proxy"},
    {"Host": "evil.example"},
    {"Host": ""},
]
"""Headers that a request from another machine has, or one that came through a proxy."""


def told(product: Product, path: str, **headers: str) -> object:
    """Ask with headers in which _ stands for -. Return the JSON of the reply."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.get(product.url + path, headers=named)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("proxies", [0, 1])
def test_an_outsider_learns_only_that_it_is_up(start: Callable[..., Product], proxies: int) -> None:
    product = start(trusted_proxies=proxies)
    for headers in OF_OUTSIDERS:
        for path in PATHS:
            assert told(product, path, **headers) == UP, headers


@pytest.mark.shares_product
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.11", "", "2001:db8::1"])
def test_another_machine_is_an_outsider(product: Product, path: str, address: str) -> None:
    answer = product.app.test_client().get(
        path, base_url=product.url, environ_overrides={"REMOTE_ADDR": address}
    )
    assert (answer.status_code, answer.json) == (200, UP)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_a_program_on_this_machine_learns_more(start: Callable[..., Product], host: str) -> None:
    product = start(app_url="https://notes.example")
    assert "database" in str(told(product, "/health", Host=host))
    assert "openStreams" in str(told(product, "/sse/health", Host=host))


@pytest.mark.parametrize(("role", "is_told"), [("user", False), ("admin", True)])
@pytest.mark.parametrize("path", PATHS)
def test_an_admin_learns_more_from_anywhere(
    alice: Person, path: str, role: str, is_told: bool
) -> None:
    with alice.product.app.app_context():
        db.session.execute(update(User).where(User.id == alice.id).values(role=role))
        db.session.commit()
    headers = {"X-Forwarded-For": "203.0.113.9"}
    for answer in (alice.get(path, headers=headers), alice.api("GET", path, headers=headers)):
        assert (answer.json() != UP) == is_told


def test_while_nobody_can_be_told_for_an_admin_the_status_stays(alice: Person) -> None:
    with alice.product.app.app_context():
        db.session.execute(text("ALTER TABLE users RENAME TO gone"))
        db.session.commit()
    for path in PATHS:
        answer = alice.get(path, headers={"X-Forwarded-For": "203.0.113.9"})
        assert (answer.status_code, answer.json()) == (200, UP)


def test_an_outsider_learns_that_it_is_down(product: Product) -> None:
    file = product.folder / "homestream.db"
    with product.app.app_context():
        db.engine.dispose()
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    answer = requests.get(f"{product.url}/health", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (answer.status_code, answer.json()) == (503, {"status": "error"})
    assert requests.get(f"{product.url}/health").json()["database"] == "down"

"""A person's own account: name, password, and the log of what has happened to it."""

from __future__ import annotations

from datetime import timedelta

import gevent.pool
import pytest
import requests

from app.auth.passwords import hash_password, init_app
from app.db.models import User, db, utc_now
from tests.app.web.test_user_sessions import change, is_signed_in, sign_in_from
from tests.support.product import PASSWORD, Person, Product, eventually, form

NEW = "another long secret"


def log_in(product: Product, email: str, password: str) -> int:
    body = {"email": email, "password": password}
    return requests.post(f"{product.url}/auth/login", json=body).status_code


def events(person: Person, query: str = "") -> list[str]:
    answer = person.api("GET", f"/auth/security-log{query}")
    assert answer.status_code == 200
    return [event["kind"] for event in answer.json()["events"]]


# The password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("nine char", "Enter a password of 10 to 256 characters."),
        ("x" * 257, "Enter a password of 10 to 256 characters."),
        ("1234567890", "This password is among the first that are guessed"),
        ("Basketball", "This password is among the first that are guessed"),
        ("aaaaaaaaaaaaaaaa", "This password is among the first that are guessed"),
        ("Bob.Miller@example.com", "Your e-mail address can't be your password"),
        ("bob.miller", "Your e-mail address can't be your password"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(
    product: Product, password: str, reason: str
) -> None:
    fields = {"name": "Bob", "email": "bob.miller@example.com", "password": password}
    page = form(product, "/auth/signup", **fields)
    assert page.status_code == 422
    assert reason.replace("'", "&#39;") in page.text


@pytest.mark.parametrize(
    "password", ["ten chars!", "home of nine cats " * 14, "пароль из слов", "🏠🏡🏘🏚🛖⛺🗼🕌🛕⛩"]
)
def test_any_characters_are_a_password(product: Product, password: str) -> None:
    fields = {"name": "Bob", "email": "bob@example.com", "password": password}
    assert form(product, "/auth/signup", **fields).status_code == 303
    assert log_in(product, "bob@example.com", password) == 200


@pytest.mark.engines
def test_a_new_password_signs_out_everywhere_else(product: Product, alice: Person) -> None:
    other = sign_in_from(product, alice, "Phone")
    answer = alice.post("/auth/password", new_password=NEW)
    assert answer.headers["Location"] == "/auth/profile?done=password"
    assert "Your password is changed" in alice.get("/auth/profile?done=password", headers=HTML).text
    assert not is_signed_in(product, other)
    assert is_signed_in(product, alice.tokens["access_token"])
    assert log_in(product, alice.email, PASSWORD) == 401
    assert log_in(product, alice.email, NEW) == 200


HTML = {"Accept": "text/html"}


def test_a_weak_new_password_is_refused_beside_its_field(product: Product, alice: Person) -> None:
    page = alice.post("/auth/password", new_password="short")
    assert page.status_code == 422
    assert 'id="new_password-error"' in page.text
    assert log_in(product, alice.email, PASSWORD) == 200


def test_the_password_is_asked_for_again_when_it_was_given_long_ago(
    product: Product, alice: Person
) -> None:
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    answer = alice.post("/auth/password", new_password=NEW)
    assert answer.headers["Location"].startswith("/auth/confirm?next=")
    assert alice.api("POST", "/auth/password", json={"new_password": NEW}).json()["error"][
        "code"
    ] == ("password_needed")
    wrong = alice.post("/auth/confirm", password="wrong password")
    assert wrong.status_code == 403
    assert "This is not your password." in wrong.text
    assert alice.post("/auth/password", new_password=NEW).headers["Location"] != "/auth/profile"
    right = alice.post("/auth/confirm", password=PASSWORD, next="/auth/profile")
    assert right.headers["Location"] == "/auth/profile"
    done = alice.post("/auth/password", new_password=NEW).headers["Location"]
    assert done == "/auth/profile?done=password"
    assert log_in(product, alice.email, NEW) == 200


def test_giving_the_password_again_can_be_tried_only_so_often(product: Product) -> None:
    alice = product.sign_up("Alice")
    answers = [alice.post("/auth/confirm", password="wrong").status_code for _ in range(11)]
    assert answers == [403] * 10 + [429]


def test_after_giving_the_password_nobody_is_led_to_another_site(alice: Person) -> None:
    answer = alice.post("/auth/confirm", password=PASSWORD, next="//evil.example")
    assert answer.headers["Location"] == "/"


# The name


@pytest.mark.engines
def test_a_person_changes_their_name(product: Product, alice: Person) -> None:
    assert alice.post("/auth/name", name=" Alice <b> ").status_code == 303
    assert alice.api("GET", "/auth/profile").json()["user"]["name"] == "Alice <b>"
    assert "Alice &lt;b&gt;" in alice.get("/auth/profile", headers=HTML).text


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "Ali\nce"])
def test_a_name_that_can_not_be_is_refused_beside_its_field(alice: Person, name: str) -> None:
    page = alice.post("/auth/name", name=name)
    assert page.status_code == 422
    assert page.text.count('class="wrong"') == 1
    assert alice.api("GET", "/auth/profile").json()["user"]["name"] == "Alice"


# The log


@pytest.mark.engines
def test_what_happens_to_an_account_is_in_its_log(product: Product, alice: Person) -> None:
    assert events(alice) == ["signed_up"]
    log_in(product, alice.email, "wrong password")
    sign_in_from(product, alice, "Phone")
    alice.post("/auth/password", new_password=NEW)
    assert events(alice) == ["password_changed", "signed_in", "sign_in_failed", "signed_up"]
    page = alice.get("/auth/security-log", headers=HTML).text
    assert "A log-in was refused: wrong password" in page
    assert "127.0.0.1" in page


def test_a_stolen_refresh_token_is_in_the_log(product: Product, alice: Person) -> None:
    refresh = {"Authorization": f"Bearer {alice.tokens['refresh_token']}"}
    requests.post(f"{product.url}/auth/refresh", headers=refresh)
    change(product, alice, renewed_at=utc_now() - timedelta(minutes=1))
    assert requests.post(f"{product.url}/auth/refresh", headers=refresh).status_code == 401
    alice.bearer = {"Authorization": f"Bearer {sign_in_from(product, alice, 'Phone')}"}
    assert events(alice)[:2] == ["signed_in", "token_reused"]


def test_nobody_sees_the_log_of_another_account_but_an_admin(
    product: Product, alice: Person, mallory: Person
) -> None:
    assert events(mallory) == ["signed_up"]
    assert mallory.api("GET", "/auth/security-log?all=1").status_code == 403
    with product.app.app_context():
        db.session.get_one(User, mallory.id).role = "admin"
        db.session.commit()
    assert events(mallory, "?all=1") == ["signed_up", "signed_up"]


def test_the_log_forgets_in_time(product: Product, alice: Person) -> None:
    with product.app.app_context():
        db.session.execute(
            db.text("UPDATE security_events SET at = :then"),
            {"then": utc_now() - timedelta(days=181)},
        )
        db.session.commit()
    sign_in_from(product, alice, "Phone")
    assert events(alice) == ["signed_in"]


# Many at once


@pytest.mark.slow
def test_a_log_in_waits_for_no_sign_ups(product: Product, alice: Person) -> None:
    init_app(product.app)  # with a hasher as strong as the real one
    done: list[int] = []

    def sign_up(number: int) -> None:
        fields = {"name": "Bob", "email": f"bob{number}@example.com", "password": PASSWORD}
        done.append(form(product, "/auth/signup", **fields).status_code)

    with product.app.app_context():
        stored = db.session.get_one(User, alice.id)
        stored.password_hash = hash_password(PASSWORD)
        db.session.commit()
    sign_ups = gevent.pool.Pool(24)
    for number in range(24):
        sign_ups.spawn(sign_up, number)
    known = product.app.extensions["passwords"]
    eventually(lambda: known.new.waiting > 12)
    assert log_in(product, alice.email, PASSWORD) == 200
    assert len(done) < 6, "the log-in waited for others"
    sign_ups.join()
    assert done == [303] * 24


def test_hashes_that_wait_are_bounded(product: Product, alice: Person) -> None:
    """Refuse instead of letting a queue of people grow without end."""
    init_app(product.app)
    known = product.app.extensions["passwords"]
    known.tried.waiting = 200
    answer = form(product, "/auth/login", email=alice.email, password=PASSWORD)
    assert answer.status_code == 503
    assert "Too many people sign in just now." in answer.text

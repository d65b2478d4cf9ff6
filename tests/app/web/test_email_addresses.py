"""A person's e-mail address: confirmed by a link, changed by two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import requests

from app.db.account_models import EmailChange
from app.db.models import db, utc_now
from tests.app.web.test_user_sessions import change, is_signed_in, sign_in_from
from tests.support.mails import latest_link, mails_to
from tests.support.product import Person, Product

HTML = {"Accept": "text/html"}
NEW = "alice@new.example"


def press(link: str, action: str = "confirm") -> requests.Response:
    """Press the button on the page that a link leads to."""
    return requests.post(link, data={"action": action})


def email_of(person: Person) -> str:
    return str(person.api("GET", "/auth/profile").json()["user"]["email"])


# Confirming


def test_an_address_is_confirmed_by_the_button_behind_the_link(
    product: Product, alice: Person
) -> None:
    link = latest_link(product, alice.email)
    assert requests.get(link).headers["Referrer-Policy"] == "strict-origin"
    page = alice.get("/auth/email", headers=HTML).text
    assert "not confirmed" in page, "a program that opened the link has not used it up"
    assert press(link).status_code == 200
    assert "(confirmed)" in alice.get("/auth/email", headers=HTML).text
    assert press(link).status_code == 200, "twice is no error"
    assert press(link[:-2]).status_code == 410
    assert len(mails_to(product, alice.email)) == 1
    alice.post("/auth/email/verification")
    assert len(mails_to(product, alice.email)) == 1, "there is nothing left to confirm"


def test_the_mail_is_sent_again_within_limits(start: Callable[..., Product]) -> None:
    product = start({}, mail_limit="2 per hour")
    alice = product.sign_up("Alice")
    answers = [alice.post("/auth/email/verification") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert "Retry-After" in answers[2].headers
    assert press(latest_link(product, alice.email)).status_code == 200


def test_where_it_is_required_a_person_confirms_their_address_before_anything_else(
    start: Callable[..., Product], alice: Person
) -> None:
    """Whose account was made before it was required, or by a provider."""
    product = start({}, require_verified_email=True, instance_dir=alice.product.folder)
    alice.product = product
    page = alice.get("/", allow_redirects=False, headers=HTML)
    assert (page.status_code, page.headers["Location"]) == (303, "/auth/email")
    assert "Send that mail again" in alice.get("/", headers=HTML).text
    asked = alice.api("POST", "/agents/chat", json={"userMessage": "Hello"})
    assert (asked.status_code, asked.json()["error"]["code"]) == (403, "email_unverified")
    assert alice.api("GET", "/auth/profile").status_code == 200
    press(latest_link(product, alice.email))
    assert alice.get("/", allow_redirects=False, headers=HTML).status_code == 200


# Changing


def ask_for_change(product: Product, alice: Person, email: str = NEW) -> tuple[str, str]:
    """Ask, and return the links to the old and the new address."""
    assert alice.api("POST", "/auth/email", json={"email": email}).status_code == 202
    return latest_link(product, alice.email), latest_link(product, email)


@pytest.mark.parametrize("first", [0, 1], ids=["old first", "new first"])
def test_an_address_changes_once_both_have_confirmed(
    product: Product, alice: Person, first: int
) -> None:
    press(latest_link(product, alice.email))
    phone = sign_in_from(product, alice, "Phone")
    links = ask_for_change(product, alice)
    assert requests.get(links[0]).status_code == 200
    press(links[first])
    assert email_of(alice) == alice.email, "one is not enough"
    press(links[1 - first])
    assert email_of(alice) == NEW
    assert not is_signed_in(product, phone)
    assert "was changed" in mails_to(product, alice.email)[0][0]
    assert [press(link).status_code for link in links] == [410, 410]


def test_either_mail_and_the_person_can_cancel_a_change(product: Product, alice: Person) -> None:
    press(latest_link(product, alice.email))
    for number in (0, 1):
        links = ask_for_change(product, alice, f"alice{number}@new.example")
        press(links[number], "cancel")
        assert [press(link).status_code for link in links] == [410, 410]
    links = ask_for_change(product, alice)
    alice.post("/auth/email/cancel")
    assert press(links[1]).status_code == 410
    assert email_of(alice) == alice.email


def test_an_old_address_that_was_never_confirmed_has_no_say(
    product: Product, alice: Person
) -> None:
    _, new = ask_for_change(product, alice)
    press(new)
    assert email_of(alice) == NEW


def test_a_taken_address_gets_the_same_reply_and_a_mail_that_says_so(
    product: Product, alice: Person, mallory: Person
) -> None:
    replies = [
        mallory.api("POST", "/auth/email", json={"email": email})
        for email in (alice.email, "nobody@example.com")
    ]
    assert replies[0].json() == replies[1].json()
    subject, text = mails_to(product, alice.email)[0]
    assert subject == "You have an account at Homestream"
    assert "token=" not in text


def test_a_change_needs_the_password_and_lasts_a_day(product: Product, alice: Person) -> None:
    links = ask_for_change(product, alice)
    with product.app.app_context():
        db.session.execute(db.update(EmailChange).values(expires_at=utc_now()))
        db.session.commit()
    assert press(links[1]).status_code == 410
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    answer = alice.api("POST", "/auth/email", json={"email": NEW})
    assert answer.json()["error"]["code"] == "password_needed"

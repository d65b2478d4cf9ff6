"""What people are told of what happens to their account."""

from __future__ import annotations

import re

import pytest
import requests

from tests.app.web.test_user_sessions import sign_in_from
from tests.support.mails import latest_link, mails_to
from tests.support.product import PASSWORD, Person, Product

pytestmark = pytest.mark.shares_product

HTML = {"Accept": "text/html"}
SEEN = "I have seen it"


def confirm_address(product: Product, person: Person) -> None:
    assert requests.post(latest_link(product, person.email)).status_code == 200


def test_a_changed_password_is_told_on_each_page_until_it_was_seen_and_by_mail(
    product: Product, alice: Person, mallory: Person
) -> None:
    confirm_address(product, alice)
    assert SEEN not in alice.get("/").text
    alice.post("/auth/password", current_password=PASSWORD, new_password="another long secret")
    assert SEEN in alice.get("/").text
    page = alice.get("/auth/profile", headers=HTML).text
    until = re.search(r'name="until" value="([^"]+)"', page)
    assert until
    alice.api("GET", "/auth/download")
    alice.post("/auth/notices/seen", until=until[1])
    page = alice.get("/").text
    assert "data of the account was downloaded" in page, "what came later stays"
    assert "password was changed" not in page
    alice.post("/auth/notices/seen", until="2999-01-01T00:00:00")
    assert SEEN not in alice.get("/").text
    assert alice.post("/auth/notices/seen", until="soon").status_code == 422
    subjects = [subject for subject, _ in mails_to(product, alice.email)]
    assert [subject.partition(":")[0] for subject in subjects[:2]] == [
        "All data of the account was downloaded",
        "The password was changed",
    ]
    assert SEEN not in mallory.get("/").text


def test_a_sign_in_on_another_device_is_told_once(product: Product, alice: Person) -> None:
    confirm_address(product, alice)
    for _ in range(2):
        sign_in_from(product, alice, "Phone")
    subjects = [subject for subject, _ in mails_to(product, alice.email)]
    assert sum("device" in subject for subject in subjects) == 1
    assert "not seen before" in alice.get("/").text


def test_nothing_but_its_confirmation_goes_to_an_unconfirmed_address(
    product: Product, alice: Person
) -> None:
    alice.post("/auth/password", current_password=PASSWORD, new_password="another long secret")
    [(subject, _)] = mails_to(product, alice.email)
    assert subject.startswith("Confirm your address")

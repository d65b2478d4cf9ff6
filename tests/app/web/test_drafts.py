"""A question that could not be sent comes back to its person, and to nobody else."""

from __future__ import annotations

import re

import pytest
import requests

from tests.support.product import PASSWORD, Person, Product
from tests.support.sessions import expire

pytestmark = pytest.mark.shares_product

TYPED = "my long question"


def typed_too_late(product: Product, alice: Person) -> str:
    """Alice sends a question after her session has ended; where she is led."""
    page = alice.get("/").text
    form = dict(re.findall(r'name="(csrf_token|key|person)" value="(\w+)"', page))
    expire(product, alice, "access", "refresh")
    answer = alice.browser.post(
        f"{product.url}/conversations",
        data=form | {"message": TYPED},
        headers={"Referer": f"{product.url}/conversations"},
        allow_redirects=False,
    )
    return answer.headers["Location"]


def log_in(product: Product, browser: requests.Session, person: Person) -> str:
    """Log in with the browser; the page that follows."""
    fields = {"email": person.email, "password": PASSWORD}
    return browser.post(f"{product.url}/auth/login", data=fields).text


def has(page: str) -> bool:
    return f"{TYPED}</textarea>" in page


def test_what_was_typed_comes_back_once_after_logging_in(product: Product, alice: Person) -> None:
    assert typed_too_late(product, alice) == "/auth/login?next=/conversations"
    assert has(log_in(product, alice.browser, alice))
    assert not has(alice.get("/").text)


def test_nobody_can_read_it_in_the_browsers_cookies(product: Product, alice: Person) -> None:
    typed_too_late(product, alice)
    signer = product.app.session_interface.get_signing_serializer(product.app)  # type: ignore[attr-defined]
    kept = signer.loads(alice.browser.cookies["session"])
    assert kept["draft"]
    assert not any(word in str(kept) for word in (TYPED, alice.id))


def test_the_next_person_at_this_browser_never_sees_it(
    product: Product, alice: Person, mallory: Person
) -> None:
    typed_too_late(product, alice)
    assert not has(log_in(product, alice.browser, mallory))
    alice.post("/auth/logout")
    assert not has(log_in(product, alice.browser, alice))


@pytest.mark.parametrize("path", ["/auth/logout", "/auth/signout"])
def test_signing_out_drops_it(product: Product, alice: Person, path: str) -> None:
    csrf = alice.csrf_token
    typed_too_late(product, alice)
    alice.browser.post(product.url + path, data={"csrf_token": csrf})
    assert not has(log_in(product, alice.browser, alice))


def test_a_page_of_one_person_leaves_nothing_in_the_session_of_another(
    product: Product, alice: Person, mallory: Person
) -> None:
    """Alice's page is still open in a tab when Mallory logs in at the same browser."""
    form = {"message": TYPED, "person": alice.id, "csrf_token": alice.csrf_token}
    log_in(product, alice.browser, mallory)
    answer = alice.browser.post(
        f"{product.url}/conversations", data=form, headers={"HX-Request": "true"}
    )
    assert answer.headers["HX-Redirect"] == "/"
    assert not has(alice.browser.get(f"{product.url}/").text)

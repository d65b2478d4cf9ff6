"""Who can sign up: everybody, people with an invitation, nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import gevent.pool
import pytest
import requests

from app.auth.invitations import make_invitation
from app.db.account_models import Invitation
from app.db.models import User, db, utc_now
from tests.support.product import PASSWORD, Person, Product, form

HTML = {"Accept": "text/html"}


def invite(product: Product, days: int = 7, uses: int = 1) -> str:
    with product.app.app_context():
        return make_invitation(None, days, uses)


def sign_up(product: Product, name: str, invitation: str) -> requests.Response:
    fields = {"name": name, "email": f"{name}@example.com", "password": PASSWORD}
    return requests.post(f"{product.url}/auth/signup", json=fields | {"invitation": invitation})


def admin(product: Product) -> Person:
    browser = requests.Session()
    product.opened.append(browser)
    answer = sign_up(product, "admin", invite(product)).json()
    browser.cookies.set("access_token_cookie", answer["access_token"], domain="127.0.0.1", path="/")
    with product.app.app_context():
        db.session.execute(db.update(User).values(role="admin"))
        db.session.commit()
    return Person(product, answer["user"]["id"], "admin@example.com", answer, browser)


@pytest.mark.engines
def test_an_invitation_for_one_lets_exactly_one_of_forty_in(start: Callable[..., Product]) -> None:
    product = start({}, sign_up="invitation")
    code = invite(product)
    tries = gevent.pool.Pool(40).map(
        lambda n: sign_up(product, f"person{n}", code).status_code, range(40)
    )
    assert sorted(tries) == [201, *[403] * 39]
    with product.app.app_context():
        assert db.session.scalar(db.select(db.func.count(User.id))) == 1


def test_an_invitation_is_not_used_up_by_a_sign_up_that_fails(
    start: Callable[..., Product],
) -> None:
    product = start({}, sign_up="invitation")
    code = invite(product, uses=2)
    assert sign_up(product, "ann", code).status_code == 201
    assert sign_up(product, "ann", code).status_code == 409
    assert sign_up(product, "bob", code).status_code == 201
    assert sign_up(product, "eve", code).status_code == 403


def test_without_a_good_invitation_nobody_signs_up(start: Callable[..., Product]) -> None:
    product = start({}, sign_up="invitation")
    old = invite(product)
    with product.app.app_context():
        db.session.execute(db.update(Invitation).values(expires_at=utc_now()))
        db.session.commit()
    for code in ("", "x", old):
        assert requests.get(f"{product.url}/auth/signup?invitation={code}").status_code == 403
        assert sign_up(product, "eve", code).status_code == 403
    assert "/auth/signup" not in requests.get(f"{product.url}/auth/login").text


def test_where_sign_up_is_closed_the_pages_say_so(start: Callable[..., Product]) -> None:
    product = start({}, sign_up="closed")
    page = requests.get(f"{product.url}/auth/signup?invitation={invite(product)}", headers=HTML)
    assert (page.status_code, "Nobody can sign up here" in page.text) == (403, True)
    assert sign_up(product, "eve", invite(product)).status_code == 403
    assert "/auth/signup" not in requests.get(f"{product.url}/auth/login").text


def test_an_admin_makes_and_takes_back_invitations(start: Callable[..., Product]) -> None:
    product = start({}, sign_up="invitation")
    boss = admin(product)
    page = boss.post("/invitations", days="3", uses="1")
    found = re.search(r"http\S+/auth/signup\?invitation=[\w-]+", unescape(page.text))
    assert (page.status_code, bool(found)) == (201, True)
    assert found
    code = found[0].rpartition("=")[2]
    assert 'name="invitation"' in requests.get(found[0]).text
    assert code not in boss.get("/invitations").text, "it is shown once"
    taken_back = re.search(r"/invitations/\w+/revoke", page.text)
    assert taken_back
    boss.post(taken_back[0])
    assert form(product, "/auth/signup", invitation=code).status_code == 403
    assert boss.post(taken_back[0]).status_code == 404
    for days in ("0", "91", "x", "²"):
        assert boss.post("/invitations", days=days).status_code == 422


def test_only_an_admin_invites(alice: Person) -> None:
    assert alice.get("/invitations").status_code == 403
    assert alice.post("/invitations", days="3").status_code == 403

"""Forgotten passwords, and the mailbox page where the operator reads the mails."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import urlsplit

import gevent.pool
import pytest
import requests

from app.auth.operator_key import operator_key
from app.db.account_models import Mail
from app.db.models import User, db
from scripts.ports import free_port
from tests.app.web.test_user_sessions import is_signed_in, sign_in_from
from tests.support.mails import latest_link
from tests.support.product import PASSWORD, Person, Product, form

NEW = "another long secret"


def log_in(product: Product, email: str, password: str) -> requests.Response:
    body = {"email": email, "password": password}
    return requests.post(f"{product.url}/auth/login", json=body)


@pytest.mark.engines
def test_a_link_sets_a_new_password_once_and_signs_out_everywhere(
    product: Product, alice: Person
) -> None:
    phone = sign_in_from(product, alice, "Phone")
    assert form(product, "/auth/forgot", email=" ALICE@example.com ").status_code == 202
    link = latest_link(product, alice.email)
    page = requests.get(link)
    assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "strict-origin")
    path, token = urlsplit(link).path, urlsplit(link).query.removeprefix("token=")
    weak = form(product, path, token=token, new_password="short")
    assert (weak.status_code, "10 to 256" in weak.text) == (422, True)
    tries = gevent.pool.Pool(8).map(
        lambda _: form(product, path, token=token, new_password=NEW).status_code, range(8)
    )
    assert sorted(tries) == [303, *[410] * 7]
    assert requests.get(link).status_code == 410
    assert not is_signed_in(product, phone)
    assert log_in(product, alice.email, PASSWORD).status_code == 401
    assert log_in(product, alice.email, NEW).status_code == 200
    with product.app.app_context():
        assert db.session.get_one(User, alice.id).email_verified_at is not None


def test_the_reply_does_not_tell_who_has_an_account(product: Product, alice: Person) -> None:
    def replies(email: str) -> list[tuple[int, str]]:
        tries = [form(product, "/auth/forgot", email=email) for _ in range(6)]
        return [
            (each.status_code, re.sub(r"\d+ (second|minute)s?", "", each.text)) for each in tries
        ]

    assert replies(alice.email) == replies("nobody@example.com")
    assert form(product, "/auth/forgot", email="nobody@example.com").status_code == 429
    assert form(product, "/auth/forgot", email="no address").status_code == 422
    with product.app.app_context():
        query = db.select(Mail).filter_by(recipient="nobody@example.com")
        assert {(mail.state, mail.text) for mail in db.session.scalars(query)} == {("failed", "")}


def test_who_was_locked_out_by_guesses_gets_in_by_a_reset(
    start: Callable[..., Product],
) -> None:
    product = start({}, account_limit="2 per hour")
    alice = product.sign_up("Alice")
    for _ in range(3):
        locked = log_in(product, alice.email, "a guess")
    assert locked.status_code == 429
    form(product, "/auth/forgot", email=alice.email)
    browser = requests.Session()
    link = latest_link(product, alice.email)
    answer = browser.post(link, data={"new_password": NEW})
    assert "Your password is changed" in answer.text
    for _ in range(3):
        log_in(product, alice.email, "a guess")
    assert log_in(product, alice.email, NEW).status_code == 429
    fields = {"email": alice.email, "password": NEW}
    login = browser.post(f"{product.url}/auth/login", data=fields, allow_redirects=False)
    assert login.status_code == 303
    browser.close()


@pytest.mark.parametrize("token", ["", "x", "eyJ.a.b"])
def test_a_link_that_is_not_ours_is_refused_with_a_sentence(product: Product, token: str) -> None:
    for answer in (
        requests.get(f"{product.url}/auth/reset", params={"token": token}),
        requests.post(f"{product.url}/auth/reset", json={"token": token, "new_password": NEW}),
    ):
        assert (answer.status_code, "Ask for a new one" in answer.text) == (410, True)


# The mailbox page


def open_mailbox(product: Product) -> requests.Session:
    operator = requests.Session()
    product.opened.append(operator)
    key = operator_key(product.settings.secret_key.get_secret_value())
    answer = operator.get(f"{product.url}/mailbox?key={key}", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/mailbox")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    return operator


def test_the_operator_reads_the_mails_that_no_server_sends(product: Product, alice: Person) -> None:
    assert "in the mailbox of" in form(product, "/auth/forgot", email=alice.email).text
    for answer in (
        requests.get(f"{product.url}/mailbox"),
        requests.get(f"{product.url}/mailbox?key=wrong"),
        alice.get("/mailbox"),
    ):
        assert answer.status_code == 404
    operator = open_mailbox(product)
    mails = re.findall(r'href="(/mailbox/\w+)"', operator.get(f"{product.url}/mailbox").text)
    page = operator.get(product.url + mails[0]).text
    found = re.search(r'<a href="([^"]+/auth/reset[^"]+)"', page)
    assert found
    assert unescape(found[1]) == latest_link(product, alice.email)
    assert alice.get(mails[0]).status_code == 404


def test_once_mails_are_sent_only_an_admin_sees_them_and_no_link_in_them(
    start: Callable[..., Product], mallory: Person
) -> None:
    product = start(
        {}, smtp_url=f"smtp://127.0.0.1:{free_port()}", instance_dir=mallory.product.folder
    )
    form(product, "/auth/forgot", email=mallory.email)
    key = operator_key(product.settings.secret_key.get_secret_value())
    assert requests.get(f"{product.url}/mailbox?key={key}").status_code == 404
    mallory.product = product
    assert mallory.get("/mailbox").status_code == 404
    with product.app.app_context():
        db.session.execute(db.update(User).values(role="admin"))
        db.session.commit()
    found = re.search(r'href="(/mailbox/\w+)"', mallory.get("/mailbox").text)
    assert found
    page = mallory.get(found[1]).text
    assert "so its text" in page
    assert "token=" not in page

"""Signing up where mails are sent: the account is made by its link and its password."""

from __future__ import annotations

from collections.abc import Callable

import gevent.pool
import pytest
import requests

from app.auth.invitations import make_invitation
from app.auth.pending_sign_ups import forget_old_sign_ups
from app.db.account_models import PendingSignUp
from app.db.models import User, db, utc_now
from scripts.ports import free_port
from tests.support.mails import latest_link, mails_to
from tests.support.product import PASSWORD, Product, form

ALICE = {"name": "Alice", "email": "alice@example.com", "password": PASSWORD}


@pytest.fixture
def mailing(start: Callable[..., Product]) -> Product:
    """The product with a mail server that is away, so that its mails stay in the queue."""
    return start({}, smtp_url=f"smtp://127.0.0.1:{free_port()}")


def complete(link: str, password: str = PASSWORD) -> requests.Response:
    return requests.post(link, data={"password": password}, allow_redirects=False)


def people(product: Product) -> list[str]:
    with product.app.app_context():
        return list(db.session.scalars(db.select(User.email)))


@pytest.mark.engines
def test_the_link_and_the_password_make_the_account_once(mailing: Product) -> None:
    assert form(mailing, "/auth/signup", **ALICE).status_code == 202
    link = latest_link(mailing, ALICE["email"])
    assert requests.get(link).headers["Referrer-Policy"] == "strict-origin"
    assert complete(link, "somebody else's").status_code == 401
    assert people(mailing) == [], "the mail alone opens no account of somebody else's making"
    tries = gevent.pool.Pool(5).map(lambda _: complete(link).status_code, range(5))
    assert sorted(tries) == [303, *[410] * 4]
    assert people(mailing) == [ALICE["email"]]


def test_the_reply_does_not_tell_which_addresses_have_an_account(mailing: Product) -> None:
    form(mailing, "/auth/signup", **ALICE)
    complete(latest_link(mailing, ALICE["email"]))
    taken = form(mailing, "/auth/signup", **ALICE)
    free = form(mailing, "/auth/signup", **ALICE | {"email": "bob@example.com"})
    assert (taken.status_code, taken.text) == (free.status_code, free.text)
    subject, text = mails_to(mailing, ALICE["email"])[0]
    assert subject == "You have an account at Homestream"
    assert "token=" not in text


def test_an_invitation_is_used_when_the_account_is_made(start: Callable[..., Product]) -> None:
    product = start({}, smtp_url=f"smtp://127.0.0.1:{free_port()}", sign_up="invitation")
    with product.app.app_context():
        code = make_invitation(None, 7)
    for name in ("ann", "bob"):
        fields = ALICE | {"email": f"{name}@example.com", "invitation": code}
        assert form(product, "/auth/signup", **fields).status_code == 202
    assert complete(latest_link(product, "ann@example.com")).status_code == 303
    assert complete(latest_link(product, "bob@example.com")).status_code == 403
    assert people(product) == ["ann@example.com"]


def test_a_sign_up_that_nobody_confirms_is_forgotten_after_a_day(mailing: Product) -> None:
    form(mailing, "/auth/signup", **ALICE)
    with mailing.app.app_context():
        forget_old_sign_ups()
        assert db.session.scalar(db.select(PendingSignUp.email)) == ALICE["email"]
        db.session.execute(db.update(PendingSignUp).values(expires_at=utc_now()))
        db.session.commit()
        forget_old_sign_ups()
    assert complete(latest_link(mailing, ALICE["email"])).status_code == 410

"""The second step of signing in: codes of an authenticator app, and recovery codes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pyotp
import pytest
import requests
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from app.account_data import delete_due_accounts
from app.auth.rate_limits import digest
from app.db.account_models import AuthenticatorApp, RecoveryCode
from app.db.models import User, db, utc_now
from tests.app.web.test_account import HTML, NEW, change_password, events
from tests.app.web.test_user_sessions import change
from tests.support.mails import latest_link
from tests.support.product import PASSWORD, Person, Product, form

pytestmark = pytest.mark.shares_product

Start = Callable[..., Product]
PATH = "/auth/second-factor"


def code_of(secret: str, later: int = 0) -> str:
    """The app's code, by steps of 30 seconds from now: each is good once."""
    return pyotp.TOTP(secret).at(int(time.time()), counter_offset=later)


def set_up_app(person: Person) -> tuple[str, list[str]]:
    """Return the app's secret and the recovery codes. The present code is used up by this."""
    begun = person.api("GET", f"{PATH}/app").json()
    body = {"setup": begun["setup"], "code": code_of(begun["secret"])}
    answer = person.api("POST", f"{PATH}/app", json=body)
    assert answer.status_code == 200, answer.text
    return begun["secret"], answer.json()["recovery_codes"]


def first_step(product: Product, person: Person) -> dict[str, Any]:
    body = {"email": person.email, "password": PASSWORD}
    answer = requests.post(f"{product.url}/auth/login", json=body)
    answer_json: dict[str, Any] = answer.json()
    assert answer.status_code == (401 if "error" in answer_json else 200)
    return answer_json


def second_step(product: Product, token: str, code: str) -> requests.Response:
    body = {"second_factor_token": token, "code": code}
    return requests.post(f"{product.url}{PATH}", json=body)


def log_in_page(product: Product, browser: requests.Session, person: Person) -> requests.Response:
    fields = {"email": person.email, "password": PASSWORD, "next": "/outbox"}
    return browser.post(f"{product.url}/auth/login", data=fields, allow_redirects=False)


def test_an_app_counts_once_one_of_its_codes_confirms_it(product: Product, alice: Person) -> None:
    page = alice.get(f"{PATH}/app", headers=HTML).text
    secret = re.search(r'class="key">(\w+)<', page)
    setup = re.search(r'name="setup" value="([^"]+)"', page)
    assert secret
    assert setup
    assert 'src="data:image/svg+xml' in page
    wrong = alice.post(f"{PATH}/app", setup=setup[1], code="000000")
    assert wrong.status_code == 422
    assert secret[1] in wrong.text
    assert 'id="code-error"' in wrong.text
    assert "user" in first_step(product, alice)
    right = alice.post(f"{PATH}/app", setup=setup[1], code=code_of(secret[1]))
    assert right.status_code == 200
    assert len(re.findall(r"<code>[a-z2-9]{4}(?:-[a-z2-9]{4}){3}</code>", right.text)) == 10
    assert first_step(product, alice)["error"]["code"] == "second_factor_needed"
    assert "10 left" in alice.get(PATH, headers=HTML).text
    with product.app.app_context():
        assert secret[1] not in db.session.get_one(AuthenticatorApp, alice.id).secret


def test_a_browser_takes_the_second_step_and_goes_on_where_it_was(
    product: Product, alice: Person
) -> None:
    secret, codes = set_up_app(alice)
    with requests.Session() as browser:
        led = log_in_page(product, browser, alice)
        assert led.headers["Location"] == "/auth/second-step?next=/outbox"
        assert [cookie.name for cookie in browser.cookies] == ["second_step"]
        assert all(cookie.has_nonstandard_attr("HttpOnly") for cookie in browser.cookies)
        there = browser.get(f"{product.url}/outbox", allow_redirects=False)
        assert there.headers["Location"].startswith("/auth/login")
        assert 'value="/outbox"' in browser.get(f"{product.url}/auth/second-step?next=/outbox").text
        fields = {"code": "123456", "next": "/outbox"}
        wrong = browser.post(f"{product.url}{PATH}", data=fields)
        assert wrong.status_code == 401
        assert 'id="code-error"' in wrong.text
        fields["code"] = code_of(secret, 1)
        right = browser.post(f"{product.url}{PATH}", data=fields, allow_redirects=False)
        assert right.headers["Location"] == "/outbox"
        assert {"access_token_cookie", "device"} <= {cookie.name for cookie in browser.cookies}
        assert "second_step" not in browser.cookies
    kinds = ["signed_in", "second_factor_used", "second_factor_refused", "recovery_codes_made"]
    assert events(alice)[:4] == kinds
    assert codes[0] not in alice.api("GET", "/auth/security-log").text


def test_a_program_sends_a_code_after_the_password(product: Product, alice: Person) -> None:
    secret, codes = set_up_app(alice)
    token = first_step(product, alice)["second_factor_token"]
    assert second_step(product, token, code_of(secret)).json()["error"]["fields"].keys() == {"code"}
    answer = second_step(product, token, code_of(secret, 1))
    assert answer.json()["user"]["email"] == alice.email
    assert second_step(product, token, code_of(secret, 1)).status_code == 401
    assert second_step(product, token, codes[3].upper().replace("-", " ")).status_code == 200
    assert second_step(product, token, codes[3]).status_code == 401
    assert alice.api("GET", PATH).json()["recoveryCodesLeft"] == 9
    assert events(alice)[2] == "recovery_code_used"


@pytest.mark.engines
def test_of_forty_at_once_with_one_code_one_signs_in(start: Start) -> None:
    product = start(second_factor_limit="1000 per minute", sign_in_limit="1000 per minute")
    alice = product.sign_up("Alice")
    secret, codes = set_up_app(alice)
    token = first_step(product, alice)["second_factor_token"]
    with ThreadPoolExecutor(40) as pool:
        for code in (code_of(secret, 1), codes[0]):
            answers = list(pool.map(lambda _, c=code: second_step(product, token, c), range(40)))
            assert sorted(answer.status_code for answer in answers) == [200] + [401] * 39


def test_guessing_is_stopped_and_does_not_shut_the_owner_out(
    product: Product, alice: Person
) -> None:
    _, codes = set_up_app(alice)
    token = first_step(product, alice)["second_factor_token"]
    with requests.Session() as browser:
        log_in_page(product, browser, alice)
        browser.post(f"{product.url}{PATH}", data={"code": codes[0]})
        answers = [second_step(product, token, "000000") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429]
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
        assert second_step(product, token, codes[1]).status_code == 429
        log_in_page(product, browser, alice)
        fields = {"code": codes[2]}
        known = browser.post(f"{product.url}{PATH}", data=fields, allow_redirects=False)
        assert known.status_code == 303


class PastSigner(TimestampSigner):
    """Signs as five minutes ago."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - 301


def test_a_first_step_is_worth_nothing_when_it_is_old_changed_or_of_another_password(
    product: Product, alice: Person
) -> None:
    _, codes = set_up_app(alice)
    token = first_step(product, alice)["second_factor_token"]
    with product.app.app_context():
        password_hash = db.session.get_one(User, alice.id).password_hash
    key = product.app.config["SECRET_KEY"]
    past = URLSafeTimedSerializer(
        key, salt="second step", signer=PastSigner, signer_kwargs={"digest_method": sha256}
    )
    old = past.dumps([alice.id, digest(password_hash), 200, None])
    for bad in (old, token[:-2] + "xx", "", "x"):
        answer = second_step(product, str(bad), codes[0])
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthenticated"
    page = requests.post(f"{product.url}{PATH}", data={"code": codes[0]})
    assert page.status_code == 401
    assert "Log in once more." in page.text
    assert change_password(alice, PASSWORD).status_code == 303
    assert second_step(product, token, codes[0]).status_code == 401


def test_removing_the_app_asks_for_the_password_and_takes_the_codes_along(
    product: Product, alice: Person
) -> None:
    set_up_app(alice)
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    for path in ("app", "app/remove", "recovery-codes"):
        asked = alice.post(f"{PATH}/{path}")
        assert asked.headers["Location"].startswith("/auth/confirm?next=")
    assert alice.get(f"{PATH}/app", allow_redirects=False).status_code in (303, 403)
    alice.post("/auth/confirm", password=PASSWORD)
    assert alice.post(f"{PATH}/app/remove").headers["Location"] == f"{PATH}?done=app-removed"
    assert "is removed" in alice.get(f"{PATH}?done=app-removed", headers=HTML).text
    assert alice.api("POST", f"{PATH}/app/remove").status_code == 404
    assert alice.api("POST", f"{PATH}/recovery-codes").status_code == 409
    assert "user" in first_step(product, alice)
    assert events(alice)[1] == "second_factor_removed"
    with product.app.app_context():
        assert db.session.query(RecoveryCode).filter_by(user_id=alice.id).count() == 0


def test_new_recovery_codes_replace_the_old_ones(product: Product, alice: Person) -> None:
    _, old = set_up_app(alice)
    new = alice.api("POST", f"{PATH}/recovery-codes").json()["recovery_codes"]
    token = first_step(product, alice)["second_factor_token"]
    assert second_step(product, token, old[0]).status_code == 401
    assert second_step(product, token, new[0]).status_code == 200
    page = alice.post(f"{PATH}/recovery-codes").text
    assert 'download="homestream-recovery-codes.txt"' in page
    assert "%0A" in page


@pytest.mark.parametrize(("confirmed", "status"), [(True, 401), (False, 200)])
def test_a_new_password_by_mail_leaves_the_second_step_to_who_has_confirmed_the_address(
    product: Product, alice: Person, confirmed: bool, status: int
) -> None:
    """Somebody else may have signed up with an address that was never confirmed."""
    set_up_app(alice)
    if confirmed:
        token = latest_link(product, alice.email).partition("token=")[2]
        assert form(product, "/auth/verify", token=token).status_code == 200
    form(product, "/auth/forgot", email=alice.email)
    token = latest_link(product, alice.email).partition("token=")[2]
    assert form(product, "/auth/reset", token=token, new_password=NEW).status_code == 303
    body = {"email": alice.email, "password": NEW}
    answer = requests.post(f"{product.url}/auth/login", json=body)
    assert answer.status_code == status
    assert ("second_factor_token" in answer.json()) == confirmed


def test_nobody_sets_up_or_sees_another_persons_second_step(
    product: Product, alice: Person, mallory: Person
) -> None:
    begun = alice.api("GET", f"{PATH}/app").json()
    body = {"setup": begun["setup"], "code": code_of(begun["secret"])}
    assert mallory.api("POST", f"{PATH}/app", json=body).status_code == 422
    _, codes = set_up_app(alice)
    set_up_app(mallory)
    token = first_step(product, mallory)["second_factor_token"]
    assert second_step(product, token, codes[0]).status_code == 401
    nobody = requests.get(f"{product.url}{PATH}", allow_redirects=False)
    assert nobody.headers["Location"].startswith("/auth/login")


@pytest.mark.own_product
def test_a_persons_data_tells_of_the_app_without_its_secret_and_goes_with_the_account(
    product: Product, alice: Person
) -> None:
    secret, codes = set_up_app(alice)
    text = alice.api("GET", "/auth/download").text
    assert '"recoveryCodesLeft":10' in text
    assert secret not in text
    assert codes[0] not in text
    with product.app.app_context():
        assert db.session.get_one(AuthenticatorApp, alice.id).secret not in text
        db.session.get_one(User, alice.id).delete_at = utc_now()
        db.session.commit()
        delete_due_accounts(product.services.registry)
        assert db.session.query(AuthenticatorApp).count() == 0
        assert db.session.query(RecoveryCode).count() == 0

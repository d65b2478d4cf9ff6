"""Passkeys, with a software authenticator: added, used alone and as the second step, removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import timedelta

import pytest
import requests

from app.auth.passkeys import MOST, RelyingParty, relying_party
from app.db.account_models import Passkey, UsedChallenge
from app.db.models import db, utc_now
from tests.app.web.test_account import HTML, events, log_in
from tests.app.web.test_second_factors import log_in_page
from tests.app.web.test_user_sessions import change, is_signed_in
from tests.support.product import PASSWORD, Person, Product
from tests.support.software_authenticator import SoftwareAuthenticator

pytestmark = pytest.mark.shares_product

PATH = "/auth/passkeys"
LOG_IN = "/auth/passkeys/login"
CONFIRM = "/auth/passkeys/confirm"
SECOND_STEP = "/auth/second-factor"


def device_at(product: Product) -> SoftwareAuthenticator:
    return SoftwareAuthenticator(f"http://localhost:{product.web.port}")


def add(person: Person, device: SoftwareAuthenticator, name: str = "Laptop") -> requests.Response:
    options = person.post(f"{PATH}/options").json()
    return person.post(PATH, passkey_name=name, credential=device.create(options))


@pytest.fixture
def device(product: Product, alice: Person) -> SoftwareAuthenticator:
    """A device with a passkey of Alice's."""
    made = device_at(product)
    assert "Your recovery codes" in add(alice, made).text
    return made


class Visitor:
    """A browser in which nobody is signed in, with a device that answers its challenges."""

    def __init__(self, product: Product, device: SoftwareAuthenticator) -> None:
        self.browser = requests.Session()
        self.product, self.device = product, device
        product.opened.append(self.browser)

    def asks(self, path: str) -> str:
        """Return the device's answer to a challenge."""
        reply = self.browser.post(f"{self.product.url}{path}/options")
        return self.device.get(reply.json())

    def sends(self, path: str, credential: str, **fields: str) -> requests.Response:
        fields["credential"] = credential
        url = f"{self.product.url}{path}"
        return self.browser.post(url, data=fields, allow_redirects=False)

    def logs_in(self) -> int:
        return self.sends(LOG_IN, self.asks(LOG_IN)).status_code


def test_a_passkey_is_added_listed_and_removed(
    product: Product, alice: Person, mallory: Person, device: SoftwareAuthenticator
) -> None:
    unnamed = add(alice, device_at(product), " ")
    assert unnamed.status_code == 422
    assert 'id="passkey_name-error"' in unnamed.text
    second = add(alice, device_at(product), "<Phone>")
    assert second.headers["Location"] == f"{SECOND_STEP}?done=passkey"
    assert "&lt;Phone&gt;" in alice.get(SECOND_STEP, headers=HTML).text
    listed = alice.api("GET", SECOND_STEP).json()["passkeys"]
    assert [passkey["name"] for passkey in listed] == ["Laptop", "<Phone>"]
    assert listed[0]["lastUsedAt"] is None
    path = f"{PATH}/{listed[0]['id']}/remove"
    assert mallory.api("POST", path).status_code == 404
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    assert alice.post(path).headers["Location"].startswith("/auth/confirm")
    assert alice.post(f"{PATH}/options").headers["Location"].startswith("/auth/confirm")
    change(product, alice, password_at=utc_now())
    assert alice.post(path).headers["Location"] == f"{SECOND_STEP}?done=passkey-removed"
    assert Visitor(product, device).logs_in() == 403
    assert events(alice)[:2] == ["passkey_removed", "passkey_added"]
    exported = alice.api("GET", "/auth/download").json()["secondFactors"]["passkeys"]
    assert [passkey["name"] for passkey in exported] == ["<Phone>"]
    assert all("key" not in name.lower() for name in exported[0])


def test_a_passkey_alone_signs_in_without_password_or_second_step(
    product: Product, alice: Person, device: SoftwareAuthenticator
) -> None:
    visitor = Visitor(product, device)
    answer = visitor.sends(LOG_IN, visitor.asks(LOG_IN), next="/outbox")
    assert answer.headers["Location"] == "/outbox"
    page = visitor.browser.get(f"{product.url}/auth/profile", headers=HTML)
    assert alice.email in page.text
    assert events(alice)[0] == "signed_in_by_passkey"
    device.verifies = False
    assert Visitor(product, device).logs_in() == 403
    assert events(alice)[0] == "passkey_refused"


def test_after_the_password_a_passkey_is_the_second_step(
    product: Product, alice: Person, device: SoftwareAuthenticator
) -> None:
    assert log_in(product, alice.email, PASSWORD) == 401
    device.verifies = False  # a plain security key is enough here
    visitor = Visitor(product, device)
    log_in_page(product, visitor.browser, alice)
    page = visitor.browser.get(f"{product.url}/auth/second-step").text
    assert 'data-passkey="get"' in page
    assert "One of your recovery codes." in page
    answer = visitor.sends(SECOND_STEP, visitor.asks(SECOND_STEP), next="/outbox")
    assert answer.headers["Location"] == "/outbox"
    assert events(alice)[:2] == ["signed_in", "second_factor_used"]


def test_another_persons_passkey_is_no_second_step(
    product: Product, alice: Person, mallory: Person, device: SoftwareAuthenticator
) -> None:
    own = device_at(product)
    add(mallory, own)
    visitor = Visitor(product, own)
    log_in_page(product, visitor.browser, alice)
    refused = visitor.sends(SECOND_STEP, visitor.asks(SECOND_STEP))
    assert refused.status_code == 403
    assert "Second step" in refused.text
    # Nor is Alice's, for a challenge that Mallory got.
    foreign = Visitor(product, device)
    log_in_page(product, foreign.browser, mallory)
    credential = foreign.asks(SECOND_STEP)
    log_in_page(product, foreign.browser, alice)
    assert foreign.sends(SECOND_STEP, credential).status_code == 403
    assert events(alice)[0] == "second_factor_refused"


def test_a_passkey_stands_for_the_password_where_that_is_asked_for_again(
    product: Product, alice: Person, mallory: Person, device: SoftwareAuthenticator
) -> None:
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    device.verifies = False
    credential = device.get(alice.post(f"{CONFIRM}/options").json())
    refused = alice.post(CONFIRM, credential=credential, next="/outbox")
    assert refused.status_code == 403
    assert "Your password, please" in refused.text
    device.verifies = True
    credential = device.get(alice.post(f"{CONFIRM}/options").json())
    before = alice.browser.cookies["access_token_cookie"]
    done = alice.post(CONFIRM, credential=credential, next="/outbox")
    assert done.headers["Location"] == "/outbox"
    assert not is_signed_in(product, before)
    assert alice.post(f"{PATH}/options").status_code == 200
    assert events(alice)[:2] == ["passkey_confirmed", "passkey_refused"]
    change(product, mallory, password_at=utc_now() - timedelta(minutes=11))
    credential = device.get(mallory.post(f"{CONFIRM}/options").json())
    assert mallory.post(CONFIRM, credential=credential).status_code == 403


@pytest.mark.own_product
@pytest.mark.engines
def test_a_passkeys_answer_is_good_once(
    product: Product, alice: Person, device: SoftwareAuthenticator
) -> None:
    # Passkeys that are kept in a cloud don't count their uses.
    device.count = -1
    visitor = Visitor(product, device)
    credential = visitor.asks(LOG_IN)
    with product.app.app_context():
        db.session.query(Passkey).update({"sign_count": 0})
        db.session.query(UsedChallenge).delete()
        db.session.commit()
    cookies = visitor.browser.cookies.get_dict()

    def send(_: int) -> int:
        url, fields = f"{product.url}{LOG_IN}", {"credential": credential}
        return requests.post(url, data=fields, cookies=cookies, allow_redirects=False).status_code

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(send, range(12))) == [303] + [403] * 11
    assert send(0) == 403


def test_a_copy_of_a_passkey_that_counts_less_is_refused(
    product: Product, device: SoftwareAuthenticator
) -> None:
    clone = copy(device)
    assert Visitor(product, device).logs_in() == 303
    assert Visitor(product, device).logs_in() == 303
    assert Visitor(product, clone).logs_in() == 403


def test_an_answer_for_another_site_purpose_or_person_is_refused(
    product: Product, alice: Person, device: SoftwareAuthenticator
) -> None:
    elsewhere = copy(device)
    elsewhere.origin = "http://evil.example"
    assert Visitor(product, elsewhere).logs_in() == 403
    nameless = copy(device)
    nameless.handle = ""
    assert Visitor(product, nameless).logs_in() == 403
    visitor = Visitor(product, device)
    options = alice.post(f"{CONFIRM}/options").json()
    visitor.browser.cookies.set("passkey", alice.browser.cookies["passkey"])
    assert visitor.sends(LOG_IN, device.get(options)).status_code == 403
    options = visitor.browser.post(f"{product.url}{LOG_IN}/options").json()
    other_site = device.get(options | {"rpId": "evil.example"})
    assert visitor.sends(LOG_IN, other_site).status_code == 403


NO_PASSKEYS = (
    *("", "x", "[]", "{}", "[" * 500, json.dumps({"id": "x" * 20_000})),
    '{"id": 1, "response": []}',
    '{"id": "\\u0000", "response": {"userHandle": {}}}',
)


def test_what_is_no_passkey_is_refused_with_a_sentence(
    product: Product, alice: Person, device: SoftwareAuthenticator
) -> None:
    visitor = Visitor(product, device)
    visitor.asks(LOG_IN)
    alice.post(f"{PATH}/options")
    csrf = {"X-CSRF-TOKEN": alice.csrf_token}
    for credential in NO_PASSKEYS:
        refused = visitor.sends(LOG_IN, credential)
        assert refused.status_code == 403
        assert '<p class="wrong" role="alert">' in refused.text
        assert "/auth/signup" in refused.text, "the page is not the log-in page as it was"
        body = {"passkey_name": "X", "credential": credential}
        refused = alice.browser.post(f"{product.url}{PATH}", json=body, headers=csrf)
        assert refused.json()["error"]["fields"].keys() == {"credential"}
    known = json.loads(device.get({"challenge": "", "rpId": "localhost"}))
    known["response"]["authenticatorData"] = "AA"
    assert visitor.sends(LOG_IN, json.dumps(known)).status_code == 403


def test_a_person_has_only_so_many_passkeys(
    product: Product, alice: Person, device: SoftwareAuthenticator
) -> None:
    with product.app.app_context():
        more = [
            Passkey(
                user_id=alice.id, credential_id=f"AA{n:02}", public_key=b"", sign_count=0, name="X"
            )
            for n in range(MOST - 1)
        ]
        db.session.add_all(more)
        db.session.commit()
    refused = add(alice, device_at(product))
    assert refused.status_code == 403
    assert "Remove one first." in refused.text


def test_log_ins_by_passkey_can_fail_only_so_often(
    start: Callable[..., Product],
) -> None:
    product = start(sign_in_limit="2 per minute")
    visitor = Visitor(product, device_at(product))
    assert [visitor.sends(LOG_IN, "x").status_code for _ in range(3)] == [403, 403, 429]


@pytest.mark.parametrize(
    ("app_url", "site"),
    [
        ("http://127.0.0.1:8000", RelyingParty("localhost", "http://localhost:8000")),
        ("https://notes.example", RelyingParty("notes.example", "https://notes.example")),
        ("https://notes.example:443", RelyingParty("notes.example", "https://notes.example")),
        (
            "https://notes.example:8443/",
            RelyingParty("notes.example", "https://notes.example:8443"),
        ),
        ("http://10.0.0.7:8000", None),
    ],
)
def test_passkeys_are_for_the_apps_own_address(app_url: str, site: RelyingParty | None) -> None:
    assert relying_party(app_url) == site


def test_at_an_address_that_is_no_name_passkeys_are_refused_with_the_reason(
    start: Callable[..., Product],
) -> None:
    product = start(app_url="http://10.0.0.7", allowed_hosts="127.0.0.1")
    alice = product.sign_up("Alice")
    assert alice.post(f"{PATH}/options").status_code == 409
    page = alice.get(SECOND_STEP, headers=HTML).text
    assert "address is no name" in page
    assert "data-passkey=" not in page

"""Signing in by a provider: the way there and back, and what a hostile provider can't do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from app.auth.claims import ProviderFailed
from app.auth.identities import connect
from app.auth.provider import Provider
from app.db.account_models import Identity
from app.db.models import db, utc_now
from tests.app.web.test_second_factors import code_of, set_up_app
from tests.app.web.test_user_sessions import change, is_signed_in
from tests.support.oidc_provider import CLIENT_ID, OidcProvider
from tests.support.product import Person, Product

Start = Callable[..., Product]
HTML = {"Accept": "text/html"}
ANN = {"sub": "ann-1", "email": "Ann@example.com", "email_verified": True, "name": "Ann"}
BROKEN = [
    *("wrong nonce", "another audience", "another party", "another issuer", "expired"),
    *("no subject", "alg none", "HS256", "another key", "huge", "no JSON", "deep", "redirect"),
]


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        running.person = ANN
        yield running


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update(HTML)
        yield session


def sign_in(product: Product, browser: requests.Session, query: str = "") -> requests.Response:
    return browser.get(f"{product.url}/auth/oidc/start{query}")


def events(browser: requests.Session, product: Product) -> list[str]:
    json = {"Accept": "application/json"}
    answer = browser.get(f"{product.url}/auth/security-log", headers=json).json()
    return [event["kind"] for event in answer["events"]]


def test_somebody_whom_the_provider_knows_gets_an_account_and_signs_in_again(
    start: Start, provider: OidcProvider, browser: requests.Session
) -> None:
    product = start(**provider.settings, oidc_sign_up=True)
    login = browser.get(f"{product.url}/auth/login?next=/tools").text
    assert "Log in with Acme" in login
    assert sign_in(product, browser, "?next=/tools").url == f"{product.url}/tools"
    assert events(browser, product) == ["signed_up"]
    profile = browser.get(f"{product.url}/auth/profile").text
    assert "ann@example.com" in profile
    body = {"email": "ann@example.com", "password": "nobody"}
    assert requests.post(f"{product.url}/auth/login", json=body).status_code == 401
    browser.cookies.clear()
    provider.person = ANN | {"email": "other@example.com"}
    assert sign_in(product, browser).url == f"{product.url}/"
    assert "ann@example.com" in browser.get(f"{product.url}/auth/profile").text
    assert events(browser, product)[0] == "signed_in_by_provider"
    assert sign_in(product, browser, "?next=//evil.example").url == f"{product.url}/"


def test_a_provider_may_sign_by_an_elliptic_curve(
    start: Start, provider: OidcProvider, browser: requests.Session
) -> None:
    product = start(**provider.settings, oidc_sign_up=True)
    provider.algorithm = "ES256"
    for mischief, status in (("another key", 502), ("HS256", 502), ("", 200)):
        provider.mischief = mischief
        assert sign_in(product, browser).status_code == status, mischief
    assert "signed_up" in events(browser, product)


@pytest.mark.parametrize(("sign_up", "oidc_sign_up"), [("closed", True), ("open", False)])
def test_whether_the_provider_brings_new_people_is_a_setting_of_its_own(
    start: Start,
    provider: OidcProvider,
    browser: requests.Session,
    sign_up: str,
    oidc_sign_up: bool,
) -> None:
    product = start(**provider.settings, sign_up=sign_up, oidc_sign_up=oidc_sign_up)
    answer = sign_in(product, browser)
    assert answer.status_code == (200 if oidc_sign_up else 403)
    assert ("access_token_cookie" in browser.cookies.get_dict()) is oidc_sign_up


def test_nobody_gets_an_account_whom_the_settings_or_the_address_dont_allow(
    start: Start, provider: OidcProvider, browser: requests.Session
) -> None:
    product = start(**provider.settings)
    product.sign_up("Alice")
    cases: list[tuple[dict[str, Any], int]] = [
        (ANN, 403),
        (ANN | {"email": "alice@example.com"}, 409),
        (ANN | {"email": "alice@example.com", "email_verified": "true"}, 403),
        (ANN | {"email": "alice@example.com", "email_verified": False}, 403),
        (ANN | {"email": "no address"}, 403),
    ]
    for person, status in cases:
        provider.person = person
        assert sign_in(product, browser).status_code == status, person
        assert "access_token_cookie" not in browser.cookies.get_dict()
    with product.app.app_context():
        assert db.session.scalars(db.select(Identity)).all() == []


def test_a_person_connects_the_provider_and_disconnects_it(
    start: Start, provider: OidcProvider
) -> None:
    product = start(**provider.settings)
    alice, mallory = product.sign_up("Alice"), product.sign_up("Mallory")
    assert alice.get("/auth/oidc/start?for=connect&pass=x").status_code == 403
    for_another = connect_link(mallory)
    assert alice.get(for_another).status_code == 403
    assert alice.get(connect_link(alice), headers=HTML).url == f"{product.url}/auth/identities"
    assert mallory.get(connect_link(mallory)).status_code == 409
    with requests.Session() as elsewhere:
        assert sign_in(product, elsewhere).status_code == 200
        assert events(elsewhere, product)[0] == "signed_in_by_provider"
    [identity] = alice.api("GET", "/auth/identities").json()["identities"]
    assert identity["issuer"] == provider.issuer
    exported = alice.get("/auth/download").json()["identities"]
    assert [each["issuer"] for each in exported] == [provider.issuer]
    path = f"/auth/identities/{identity['id']}/disconnect"
    assert mallory.post(path).status_code == 404
    assert alice.post(path).status_code == 303
    assert alice.api("GET", "/auth/identities").json() == {"identities": []}


def connect_link(person: Person) -> str:
    page = person.get("/auth/identities", headers=HTML).text
    [link] = [part.partition('"')[0] for part in page.split('href="') if "for=connect" in part]
    return link.replace("&amp;", "&")


def test_without_a_password_the_provider_is_asked_again_before_what_is_sensitive(
    start: Start, provider: OidcProvider, browser: requests.Session
) -> None:
    product = start(**provider.settings, oidc_sign_up=True)
    sign_in(product, browser)
    page = browser.get(f"{product.url}/auth/download")
    assert "Log in with Acme once more" in page.text
    assert 'type="password"' not in page.text
    query = "?for=confirm&next=/auth/profile"
    provider.asks_again = False
    assert sign_in(product, browser, query).status_code == 403
    provider.asks_again = True
    provider.person = ANN | {"sub": "somebody else"}
    assert sign_in(product, browser, query).status_code == 403
    provider.person = ANN
    before = browser.cookies["access_token_cookie"]
    assert sign_in(product, browser, query).url == f"{product.url}/auth/profile"
    assert not is_signed_in(product, before)
    file = browser.get(f"{product.url}/auth/download").json()
    assert file["account"]["email"] == "ann@example.com"
    with product.app.app_context():
        [identity] = db.session.scalars(db.select(Identity)).all()
    token = page_token(browser, product)
    path = f"{product.url}/auth/identities/{identity.id}/disconnect"
    refused = browser.post(path, data={"csrf_token": token})
    assert (refused.status_code, "only way in" in refused.text) == (409, True)


def page_token(browser: requests.Session, product: Product) -> str:
    page = browser.get(f"{product.url}/auth/profile").text
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_connecting_asks_for_a_recent_password(start: Start, provider: OidcProvider) -> None:
    product = start(**provider.settings)
    alice = product.sign_up("Alice")
    link = connect_link(alice)
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    assert "/auth/confirm" in alice.get(link, headers=HTML).url


def test_an_answer_that_cant_be_trusted_signs_nobody_in_and_is_a_sentence(
    start: Start,
    provider: OidcProvider,
    browser: requests.Session,
    caplog: pytest.LogCaptureFixture,
) -> None:
    product = start(**provider.settings, oidc_sign_up=True, sign_in_limit="100 per minute")
    expected = dict.fromkeys(BROKEN, 502)
    for mischief, status in (expected | {"another state": 400, "refusal": 403}).items():
        caplog.clear()
        provider.mischief = mischief
        page = sign_in(product, browser)
        assert (page.status_code, 'role="alert"' in page.text) == (status, True), mischief
        assert not list(browser.cookies), mischief
        if status != 400:
            [line] = [r for r in caplog.records if r.name == "app.web.oidc"]
            assert line.getMessage().isprintable()
            assert line.exc_info is None


def test_an_answer_that_never_ends_is_waited_for_only_so_long(provider: OidcProvider) -> None:
    ours = (CLIENT_ID, "secret", "openid", "http://127.0.0.1/auth/oidc/callback")
    client = Provider(provider.issuer, *ours, timeout=2)
    client.authorization_url("state", "nonce", "v" * 43, again=False)
    provider.mischief = "hanging"
    with pytest.raises(ProviderFailed) as failed:
        client.redeem("code", "v" * 43, "nonce")
    assert "more than 2 seconds" in failed.value.detail


def test_an_answer_is_good_once_and_only_in_the_browser_that_asked(
    start: Start, provider: OidcProvider, browser: requests.Session
) -> None:
    product = start(**provider.settings, oidc_sign_up=True)
    begun = browser.get(f"{product.url}/auth/oidc/start", allow_redirects=False)
    kept = browser.cookies.copy()
    answer = requests.get(begun.headers["Location"], allow_redirects=False).headers["Location"]
    assert requests.get(answer).status_code == 400
    assert browser.get(answer).url == f"{product.url}/"
    again = requests.get(answer, cookies=kept, headers=HTML)
    assert again.status_code == 400
    [cookie] = begun.raw.headers.getlist("Set-Cookie")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Max-Age=600"))


def test_the_second_step_comes_after_the_provider_too(
    start: Start, provider: OidcProvider, browser: requests.Session
) -> None:
    product = start(**provider.settings)
    alice = product.sign_up("Alice")
    secret, _ = set_up_app(alice)
    with product.app.app_context():
        connect(alice.id, provider.settings["oidc_issuer"], "ann-1")
    asked = sign_in(product, browser, "?next=/tools")
    assert asked.url == f"{product.url}/auth/second-step?next=/tools"
    assert browser.get(f"{product.url}/tools").url.startswith(f"{product.url}/auth/login")
    fields = {"code": code_of(secret, 1), "next": "/tools"}
    led = browser.post(f"{product.url}/auth/second-factor", data=fields, allow_redirects=False)
    assert led.headers["Location"] == "/tools"
    assert events(browser, product)[:2] == ["signed_in_by_provider", "second_factor_used"]


def test_without_a_provider_nothing_of_it_is_there(product: Product, alice: Person) -> None:
    assert alice.get("/auth/oidc/start").status_code == 404
    assert "/auth/oidc" not in requests.get(f"{product.url}/auth/login").text
    assert "identities" not in alice.get("/auth/security", headers=HTML).text

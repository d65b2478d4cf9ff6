"""Who is asking: accounts, sessions, and that nothing is shown to anybody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from app import create_app
from app.db.models import User, db
from app.web.redirects import safe_next
from tests.support.product import PASSWORD, Person, Product, form
from tests.support.sessions import expire

pytestmark = pytest.mark.shares_product

Start = Callable[..., Product]
ANN = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
PUBLIC = {
    *(
        "/health",
        "/sse/health",
        "/csp-reports",
        "/brand/colours.css",
        "/brand/icon.svg",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/oauth/token",
        "/static/<path:filename>",
    ),
    "/",  # the first page; programs get 401
    *("/auth/signup", "/auth/login", "/auth/signin", "/auth/refresh"),
    # For people who are about to sign in; without a first step, they say so.
    *("/auth/second-step", "/auth/second-factor", "/auth/second-factor/options"),
    *("/auth/passkeys/login", "/auth/passkeys/login/options"),
    *("/auth/oidc/start", "/auth/oidc/callback"),
    # Signing out when signed out is no error for a browser; as JSON it is one, tested below.
    *("/auth/logout", "/auth/signout"),
    # Links in mails, for whoever has the mail; and a page that is not there for outsiders.
    *("/auth/forgot", "/auth/reset", "/auth/verify", "/auth/email-change"),
    "/auth/complete",
    *("/mailbox", "/mailbox/<mail_id>"),
}


# Signing up and in


@pytest.mark.own_product
def test_a_person_signs_up_by_form_and_is_signed_in(product: Product) -> None:
    with requests.Session() as browser:
        answer = browser.post(f"{product.url}/auth/signup", data=ANN)
        assert answer.url == f"{product.url}/"
        assert "What would you like to know?" in answer.text
        assert all(cookie.has_nonstandard_attr("HttpOnly") for cookie in browser.cookies)
        assert {c.get_nonstandard_attr("SameSite") for c in browser.cookies} == {"Lax"}


def test_cookies_are_secure_where_the_app_is_reached_over_https(start: Start) -> None:
    product = start(app_url="https://notes.example", allowed_hosts="127.0.0.1")
    cookies = form(product, "/auth/signup", **ANN).raw.headers.getlist("Set-Cookie")
    assert len(cookies) == 3
    assert all("; Secure" in cookie for cookie in cookies)


def test_over_https_every_response_asks_for_https_for_a_year(start: Start) -> None:
    product = start({}, app_url="https://notes.example", allowed_hosts="127.0.0.1")
    for path in ("/auth/login", "/", "/nothing", "/health", "/static/app.css"):
        answer = requests.get(product.url + path, allow_redirects=False)
        policy = answer.headers["Strict-Transport-Security"]
        assert policy == "max-age=31536000; includeSubDomains", path


@pytest.mark.engines
@pytest.mark.parametrize("path", ["/auth/login", "/auth/signin"])
def test_the_same_as_json(product: Product, alice: Person, path: str) -> None:
    body = {"email": f" {alice.email.upper()}", "password": PASSWORD}
    answer = requests.post(product.url + path, json=body)
    assert answer.status_code == 200
    assert answer.json()["user"] == {
        "id": alice.id,
        "email": alice.email,
        "name": "Alice",
        "role": "user",
        "createdAt": answer.json()["user"]["createdAt"],
    }
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    profile = requests.get(f"{product.url}/auth/profile", headers=bearer)
    assert profile.json()["user"]["name"] == "Alice"
    assert not answer.cookies


def test_passwords_are_kept_as_argon2_hashes(product: Product, alice: Person) -> None:
    with product.app.app_context():
        assert db.session.get_one(User, alice.id).password_hash.startswith("$argon2id$")
    served = create_app(product.settings).extensions["passwords"].hasher
    assert served.memory_cost >= 19 * 1024, "weaker than what OWASP asks for"
    assert served.time_cost >= 2


@pytest.mark.own_product
@pytest.mark.parametrize("extra", ["role", "is_admin", "id"])
def test_a_role_is_never_taken_from_input(product: Product, extra: str) -> None:
    answer = requests.post(f"{product.url}/auth/signup", json=ANN | {extra: "admin"}).json()
    assert answer["user"]["role"] == "user"
    assert answer["user"]["id"] != "admin"


BAD = [
    ({"email": ""}, "email"),
    ({"email": "nonsense"}, "email"),
    ({"email": "a@b"}, "email"),
    ({"email": "a@example.com\0"}, "email"),
    ({"email": "x" * 250 + "@example.com"}, "email"),
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "Ann\0"}, "name"),
    ({"name": "Ann\nAdmin"}, "name"),
    ({"password": ""}, "password"),
    ({"password": "short"}, "password"),
    ({"password": "x" * 257}, "password"),
]


@pytest.mark.parametrize(("wrong", "field"), BAD)
def test_bad_input_is_a_sentence_beside_the_field_and_what_was_typed_stays(
    product: Product, wrong: dict[str, str], field: str
) -> None:
    page = form(product, "/auth/signup", **(ANN | wrong))
    assert page.status_code == 422
    assert page.text.count('class="wrong"') == 1
    assert f'id="{field}-error"' in page.text
    assert PASSWORD not in page.text
    if field != "email":
        assert 'value="ann@example.com"' in page.text
    answer = requests.post(f"{product.url}/auth/signup", json=ANN | wrong)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


@pytest.mark.engines
def test_an_address_that_is_taken_is_told_so_and_keeps_its_owner(
    product: Product, alice: Person
) -> None:
    taken = ANN | {"email": alice.email.title()}
    page = form(product, "/auth/signup", **taken)
    assert (page.status_code, "log in instead" in page.text) == (409, True)
    assert requests.post(f"{product.url}/auth/signup", json=taken).status_code == 409
    assert alice.api("GET", "/auth/profile").json()["user"]["name"] == "Alice"


@pytest.mark.parametrize("body", ["", "[]", "5", '"x"', "null", "{", b"\xff"])
@pytest.mark.parametrize("path", ["/auth/signup", "/auth/login"])
def test_json_that_is_no_object_is_a_sentence(product: Product, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(product.url + path, data=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Send a JSON object.")


@pytest.mark.parametrize("value", [5, None, ["x"], {"$ne": ""}, True])
@pytest.mark.parametrize("field", ["email", "password"])
def test_values_of_another_kind_are_as_if_missing(
    product: Product, alice: Person, field: str, value: object
) -> None:
    body = {"email": alice.email, "password": PASSWORD} | {field: value}
    answer = requests.post(f"{product.url}/auth/login", json=body)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, [field])


@pytest.mark.own_product
def test_hostile_input_is_shown_as_text(product: Product) -> None:
    page = form(product, "/auth/signup", **(ANN | {"name": '"><script>x</script>', "email": "'"}))
    assert "<script>x" not in page.text
    signed_up = requests.Session()
    name = "<img src=x onerror=alert(1)> {{ 7*7 }}"
    signed_up.post(f"{product.url}/auth/signup", data=ANN | {"name": name})
    profile = signed_up.get(f"{product.url}/auth/profile", headers={"Accept": "text/html"}).text
    signed_up.close()
    assert "&lt;img src=x" in profile
    assert "{{ 7*7 }}" in profile


@pytest.mark.own_product
@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_log_in_does_not_tell_which_accounts_exist(
    product: Product, alice: Person, email: str
) -> None:
    page = form(product, "/auth/login", email=email, password="wrong password")
    assert page.status_code == 401
    assert "The e-mail address or the password is wrong." in page.text
    assert f'value="{email}"' in page.text
    assert "wrong password" not in page.text


@pytest.mark.own_product
def test_a_wrong_log_in_leaves_one_line_in_the_log_and_no_traceback(
    alice: Person, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO", logger="app")
    form(alice.product, "/auth/login", email=alice.email, password="wrong password")
    [record] = [record for record in caplog.records if record.name.startswith("app.")]
    assert (record.levelname, record.exc_info) == ("INFO", None)
    assert "Traceback" not in capfd.readouterr().err


# Where to go next


@pytest.mark.parametrize(
    "target",
    [
        *("//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example"),
        *("https:evil.example", "javascript:alert(1)", "evil", "", None, "///evil.example"),
        *("/\t/evil.example", "\t//evil.example", "/x\r\nSet-Cookie: a=b", " //evil.example"),
        *("http:///evil.example", "/\n/evil", "//evil.example/%2f.."),
    ],
)
def test_signing_in_never_leads_to_another_site(target: str | None) -> None:
    assert safe_next(target) == "/"


def test_signing_in_leads_back_to_where_the_person_was(product: Product, alice: Person) -> None:
    first = requests.get(f"{product.url}/conversations?x=1", allow_redirects=False)
    assert first.status_code == 303
    target = urlsplit(first.headers["Location"])
    assert target.path == "/auth/login"
    assert parse_qs(target.query) == {"next": ["/conversations?x=1"]}
    page = requests.get(product.url + first.headers["Location"]).text
    assert 'name="next" value="/conversations?x=1"' in page
    fields = {"email": alice.email, "password": PASSWORD, "next": "/conversations?x=1"}
    assert form(product, "/auth/login", **fields).headers["Location"] == "/conversations?x=1"


# Sessions


def test_a_session_goes_on_when_the_access_token_runs_out(product: Product, alice: Person) -> None:
    csrf = alice.csrf_token
    expire(product, alice, "access")
    old = alice.browser.cookies["access_token_cookie"]
    answer = alice.post("/conversations", message="Hello")
    assert "/live" in answer.headers["Location"]
    assert alice.browser.cookies["access_token_cookie"] != old
    assert alice.csrf_token == csrf, "the forms in other tabs went stale"
    assert f'name="csrf_token" value="{csrf}"' in alice.get("/").text


def test_a_request_of_htmx_is_led_to_log_in_as_a_whole_page(
    product: Product, alice: Person
) -> None:
    here = f"{product.url}/conversations/abc"
    headers = {"HX-Request": "true", "HX-Current-URL": here}
    answer = requests.post(f"{here}/messages", data={"message": "x"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/auth/login?next=/conversations/abc"


def test_a_stream_that_meets_an_ended_session_ends_with_a_link(product: Product) -> None:
    headers = {"Referer": f"{product.url}/conversations/abc"}
    answer = requests.get(f"{product.url}/runs/{'a' * 32}/events", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert "/auth/login?next=/conversations/abc" in answer.text
    assert answer.text.endswith('event: done\nid: 0\ndata: {"status":"failed","messageId":""}\n\n')


@pytest.mark.engines
def test_refresh_gives_a_new_access_token(product: Product, alice: Person) -> None:
    bearer = {"Authorization": f"Bearer {alice.tokens['refresh_token']}"}
    answer = requests.post(f"{product.url}/auth/refresh", headers=bearer)
    fresh = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert requests.get(f"{product.url}/auth/profile", headers=fresh).status_code == 200
    for token in (alice.tokens["access_token"], "x", ""):
        bad = requests.post(
            f"{product.url}/auth/refresh", headers={"Authorization": f"Bearer {token}"}
        )
        assert (bad.status_code, bad.json()["error"]["code"]) == (401, "unauthenticated")


def test_refresh_by_cookie_needs_the_csrf_value(product: Product, alice: Person) -> None:
    url = f"{product.url}/auth/refresh"
    accept = {"Accept": "application/json"}
    assert alice.browser.post(url, headers=accept).status_code == 403
    good = alice.browser.post(url, headers=accept | {"X-CSRF-TOKEN": alice.csrf_token})
    assert good.status_code == 200
    assert good.cookies["access_token_cookie"] == good.json()["access_token"]


def test_a_refresh_token_is_no_access_token(product: Product, alice: Person) -> None:
    bearer = {"Authorization": f"Bearer {alice.tokens['refresh_token']}"}
    assert requests.get(f"{product.url}/agents/chat-history", headers=bearer).status_code == 401


@pytest.mark.engines
@pytest.mark.parametrize("path", ["/auth/signout", "/auth/logout"])
def test_signing_out_ends_the_session_for_both_of_its_tokens(
    product: Product, alice: Person, path: str
) -> None:
    with requests.Session() as other:
        other.post(f"{product.url}/auth/login", data={"email": alice.email, "password": PASSWORD})
        stolen = alice.browser.cookies.copy()
        answer = alice.post(path)
        assert (
            other.get(f"{product.url}/conversations", allow_redirects=False).status_code == 200
        ), "their other session ended too"
    assert (answer.status_code, answer.headers["Location"]) == (303, "/auth/login")
    assert not alice.browser.cookies.get("access_token_cookie")
    assert alice.api("GET", "/auth/profile").status_code == 401
    refresh = {"Authorization": f"Bearer {alice.tokens['refresh_token']}"}
    assert requests.post(f"{product.url}/auth/refresh", headers=refresh).status_code == 401
    again = requests.get(f"{product.url}/conversations", cookies=stolen, allow_redirects=False)
    assert again.headers["Location"].startswith("/auth/login")


def test_signing_out_as_json(alice: Person) -> None:
    assert alice.api("POST", "/auth/signout").json() == {"message": "You are signed out."}
    assert alice.api("GET", "/auth/profile").status_code == 401


def test_signing_out_when_signed_out(product: Product) -> None:
    assert form(product, "/auth/logout").headers["Location"] == "/auth/login"
    answer = requests.post(f"{product.url}/auth/signout", headers={"Accept": "application/json"})
    assert answer.status_code == 401


def test_the_profile_page_shows_the_account(alice: Person) -> None:
    page = alice.get("/auth/profile", headers={"Accept": "text/html"})
    assert alice.email in page.text
    assert alice.get("/auth/profile").json()["user"]["email"] == alice.email


# Nobody, and somebody else


def every_route(product: Product) -> list[tuple[str, str]]:
    return sorted(
        (method, rule.rule)
        for rule in product.app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"GET", "POST"}
        if rule.rule not in PUBLIC
    )


def test_every_page_fragment_and_stream_needs_sign_in(product: Product) -> None:
    routes = every_route(product)
    assert len(routes) >= 18
    for method, rule in routes:
        url = product.url + re.sub(r"<(?:int:)?\w+>", "1", rule)
        for headers in ({}, {"Authorization": "Bearer x"}, {"Cookie": "access_token_cookie=x"}):
            answer = requests.request(method, url, headers=headers, allow_redirects=False)
            if rule == "/runs/<run_id>/events":
                assert "Sign in" in answer.text
            elif answer.status_code == 303:
                assert answer.headers["Location"].startswith("/auth/login"), rule
            elif "Cookie" in headers and method == "POST":
                assert answer.status_code == 403, (method, rule)
            else:
                assert answer.status_code == 401, (method, rule)
                assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.engines
def test_another_persons_id_answers_404_everywhere(
    product: Product, alice: Person, mallory: Person
) -> None:
    run = alice.ask("Mine, secretly").until("done")[0].json
    ids = {"<conversation_id>": run["conversationId"], "<run_id>": run["runId"]}
    tried = 0
    for method, rule in every_route(product):
        path = rule
        for name, value in ids.items():
            path = path.replace(name, value)
        if path == rule:
            continue
        tried += 1
        by_token = mallory.api(method, path)
        by_page = (
            mallory.get(path, allow_redirects=False)
            if method == "GET"
            else mallory.post(path, message="x")
        )
        for answer in (by_token, by_page):
            assert "secretly" not in answer.text
            if rule == "/runs/<run_id>/events":
                assert "no such answer" in answer.text
            else:
                assert answer.status_code == 404, (method, rule, answer.status_code)
    assert tried >= 7

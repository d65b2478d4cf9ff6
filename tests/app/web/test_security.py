"""What every response and every change is held to."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
import requests

from app.web.security import CONTENT_SECURITY_POLICY
from tests.support.product import PASSWORD, Person, Product
from tests.support.scripted_model import ScriptedModel, endless

pytestmark = pytest.mark.shares_product


def test_the_policy_lets_only_this_site_act() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "path",
    ["/", "/auth/login", "/nothing", "/health", "/static/app.css", "/outbox"],
)
def test_every_response_carries_the_headers(alice: Person, path: str) -> None:
    headers = alice.get(path).headers
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_an_event_stream_can_only_be_one(alice: Person) -> None:
    """So what holds for documents has no meaning for it, and would be a third of a short one."""
    headers = alice.get("/runs/x/events").headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in headers["Cache-Control"]


def test_nothing_of_a_signed_in_person_is_kept_by_a_cache(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.05))
    run = alice.ask("Hello").until("content")[0].json
    ids = {"conversation_id": run["conversationId"], "run_id": run["runId"]}
    seen = 0
    for method, path in every_address(product, ids):
        for ask in (alice.browser.request, alice.api):
            url = path if ask == alice.api else product.url + path
            with ask(method, url, stream=True, allow_redirects=False) as answer:
                kept = answer.headers["Cache-Control"].split(", ")
                assert kept[:2] == ["private", "no-store"], (method, path)
                seen += answer.status_code == 200
    assert seen >= 30


def every_address(product: Product, ids: dict[str, str]) -> list[tuple[str, str]]:
    """Every method and path but those of files that are the same for everybody. What ends the
    session comes last."""
    found = {
        (method, re.sub(r"<(?:int:)?(\w+)>", lambda name: ids.get(name[1], "1"), rule.rule))
        for rule in product.app.url_map.iter_rules()
        if rule.endpoint not in ("static", "brand.colours", "brand.icon")
        for method in rule.methods or ()
    }
    last = ("/auth/logout", "/auth/signout")
    return sorted(found, key=lambda each: (each[1] in last, each))


def test_a_static_file_may_be_kept_but_not_that_it_was_refused(product: Product) -> None:
    assert "Cache-Control" in requests.get(f"{product.url}/static/app.css").headers
    assert "no-store" not in requests.get(f"{product.url}/static/app.css").headers["Cache-Control"]
    refused = requests.get(f"{product.url}/static/nothing.css").headers["Cache-Control"]
    assert refused == "private, no-store"


def ask_as(product: Product, host: str, path: str = "/auth/login", **more: str) -> int:
    """Ask for a page by another host; return the reply's status."""
    headers = {"Host": host, **{name.replace("_", "-"): value for name, value in more.items()}}
    answer = requests.get(product.url + path, headers=headers, allow_redirects=False)
    refused = "isn't known by the host name" in unescape(answer.text)
    assert refused == (answer.status_code == 400), answer.text
    return answer.status_code


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:80", "localhost:8000", "LOCALHOST", "localhost.", "[::1]:9"]
)
def test_this_machine_is_known_by_its_own_names_at_any_port(product: Product, host: str) -> None:
    assert ask_as(product, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.localhost"),
        *("127.0.0.2", "[::2]", "", "a b", "[", "localhost@evil.example", "localhost:80:81", "*"),
    ],
)
def test_an_unknown_host_is_refused_on_every_path(product: Product, host: str) -> None:
    for path in ("/auth/login", "/", "/nothing", "/static/app.css", "/.well-known/jwks.json"):
        assert ask_as(product, host, path) == 400


@pytest.mark.own_product
def test_an_unknown_host_is_refused_as_json_and_changes_nothing(product: Product) -> None:
    fields = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann"}
    url = f"{product.url}/auth/signup"
    answer = requests.post(url, json=fields, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")
    assert requests.post(url, json=fields).status_code == 201


def test_behind_proxies_the_host_is_the_one_they_pass_on(start: Callable[..., Product]) -> None:
    product = start(app_url="https://notes.example", trusted_proxies=1)
    assert ask_as(product, "10.0.0.11:8000", X_Forwarded_Host="notes.example") == 200
    assert ask_as(product, "notes.example") == 200
    assert ask_as(product, "notes.example", X_Forwarded_Host="evil.example") == 400
    assert ask_as(product, "notes.example", X_Forwarded_Host="notes.example, evil.example") == 400
    assert ask_as(product, "localhost") == 400


def test_without_proxies_nobody_can_say_another_host(product: Product) -> None:
    assert ask_as(product, "evil.example", X_Forwarded_Host="127.0.0.1") == 400
    assert ask_as(product, "127.0.0.1", X_Forwarded_Host="evil.example") == 200


def test_a_load_balancer_may_ask_a_node_by_its_address(start: Callable[..., Product]) -> None:
    product = start(app_url="https://notes.example")
    for path in ("/health", "/sse/health"):
        assert ask_as(product, "10.0.0.11:8000", path) == 200


def test_an_asterisk_allows_every_host(start: Callable[..., Product]) -> None:
    assert ask_as(start(allowed_hosts="*"), "evil.example") == 200


@pytest.mark.parametrize("token", ["", "wrong", None])
@pytest.mark.parametrize(
    "path", ["/conversations", "/conversations/x/messages", "/runs/x/stop", "/auth/logout"]
)
def test_a_form_without_the_sessions_csrf_value_changes_nothing(
    alice: Person, model: ScriptedModel, path: str, token: str | None
) -> None:
    fields = {"message": "forged"} | ({} if token is None else {"csrf_token": token})
    answer = alice.browser.post(alice.product.url + path, data=fields, allow_redirects=False)
    assert answer.status_code == 403
    assert "earlier session" in answer.text
    assert alice.get("/").status_code == 200
    assert not model.requests
    if "auth" not in path:
        assert "forged" in answer.text, "what was typed is lost"


def test_another_persons_csrf_value_is_no_good(alice: Person, mallory: Person) -> None:
    fields = {"csrf_token": mallory.csrf_token, "message": "x"}
    answer = alice.browser.post(f"{alice.product.url}/conversations", data=fields)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/auth/login", "/auth/signup", "/conversations", "/agents/chat"])
def test_a_change_that_comes_from_another_site_is_refused(
    alice: Person, headers: dict[str, str], path: str
) -> None:
    url = alice.product.url + path
    fields = {"email": alice.email, "password": PASSWORD, "csrf_token": alice.csrf_token}
    answer = alice.browser.post(url, data=fields, headers=headers, allow_redirects=False)
    assert (answer.status_code, "another site" in answer.text) == (403, True)


def test_a_change_from_this_site_is_let_through(alice: Person) -> None:
    headers = {"Origin": alice.product.url, "Sec-Fetch-Site": "same-origin"}
    fields = {"email": alice.email, "password": PASSWORD}
    url = f"{alice.product.url}/auth/login"
    assert requests.post(url, data=fields, headers=headers).status_code == 200


def test_too_much_at_once_is_a_sentence(product: Product) -> None:
    answer = requests.post(f"{product.url}/auth/signup", data={"name": "x" * 1_100_000})
    assert (answer.status_code, "send less" in answer.text) == (413, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/auth/login", 405), ("POST", "/status", 405)],
)
def test_a_wrong_address_or_method_is_a_page_or_json_with_a_sentence(
    alice: Person, method: str, path: str, status: int
) -> None:
    page = alice.browser.request(method, alice.product.url + path)
    assert (page.status_code, '<p role="alert">' in page.text) == (status, True)
    answer = alice.api(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "http")


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/vendor", "/static/vendor/"])
def test_no_folder_is_listed(product: Product, path: str) -> None:
    answer = requests.get(product.url + path)
    assert answer.status_code == 404
    assert "htmx.min.js" not in answer.text.partition("</head>")[2]


@pytest.mark.own_product
def test_a_fault_is_a_page_without_a_stack_trace(product: Product, alice: Person) -> None:
    def fault() -> str:
        raise RuntimeError("secret detail")

    product.app.view_functions["tools.status"] = fault
    for answer in (alice.get("/status"), alice.api("GET", "/status")):
        assert answer.status_code == 500
        assert "Something went wrong here" in answer.text
        assert "secret detail" not in answer.text
        assert "Traceback" not in answer.text


@pytest.mark.own_product
def test_a_path_cannot_forge_a_line_of_the_log(
    product: Product, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(conversation_id: str) -> str:
        raise RuntimeError(conversation_id)

    product.app.view_functions["conversations.show"] = fault
    assert alice.get("/conversations/x%0AERROR%20forged").status_code == 500
    [message] = [record.getMessage() for record in caplog.records if record.exc_info]
    assert message.splitlines() == [message]

"""What every response and every change is held to."""

from __future__ import annotations

import re

import pytest
import requests

from app.web.security import CONTENT_SECURITY_POLICY
from tests.support.product import PASSWORD, Person, Product
from tests.support.scripted_model import ScriptedModel, endless


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
    """Every method and path but the static files'. What ends the session comes last."""
    found = {
        (method, re.sub(r"<(?:int:)?(\w+)>", lambda name: ids.get(name[1], "1"), rule.rule))
        for rule in product.app.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in rule.methods or ()
    }
    last = ("/auth/logout", "/auth/signout")
    return sorted(found, key=lambda each: (each[1] in last, each))


def test_a_static_file_may_be_kept_but_not_that_it_was_refused(product: Product) -> None:
    assert "Cache-Control" in requests.get(f"{product.url}/static/app.css").headers
    assert "no-store" not in requests.get(f"{product.url}/static/app.css").headers["Cache-Control"]
    refused = requests.get(f"{product.url}/static/nothing.css").headers["Cache-Control"]
    assert refused == "private, no-store"


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
    assert (page.status_code, '<main class="card">' in page.text) == (status, True)
    answer = alice.api(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "http")


def test_a_fault_is_a_page_without_a_stack_trace(product: Product, alice: Person) -> None:
    def fault() -> str:
        raise RuntimeError("secret detail")

    product.app.view_functions["tools.status"] = fault
    for answer in (alice.get("/status"), alice.api("GET", "/status")):
        assert answer.status_code == 500
        assert "Something went wrong here" in answer.text
        assert "secret detail" not in answer.text
        assert "Traceback" not in answer.text


def test_a_path_cannot_forge_a_line_of_the_log(
    product: Product, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(conversation_id: str) -> str:
        raise RuntimeError(conversation_id)

    product.app.view_functions["conversations.show"] = fault
    assert alice.get("/conversations/x%0AERROR%20forged").status_code == 500
    [message] = [record.getMessage() for record in caplog.records if record.exc_info]
    assert message.splitlines() == [message]

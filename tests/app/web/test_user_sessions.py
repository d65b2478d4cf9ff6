"""Sessions: renewed by tokens that are good for one use, listed, and ended wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests

from app.auth import session_table
from app.db.account_models import UserSession
from app.db.models import db, utc_now
from tests.support.product import PASSWORD, Person, Product, form
from tests.support.scripted_model import ScriptedModel, endless
from tests.support.sessions import expire

pytestmark = pytest.mark.shares_product

Start = Callable[..., Product]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def renew(product: Product, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{product.url}/auth/refresh", headers=headers)


def is_signed_in(product: Product, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    answer = requests.get(f"{product.url}/auth/profile", headers=headers)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def session_of(person: Person) -> str:
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    return str(claims["sid"])


def change(product: Product, person: Person, **values: Any) -> None:
    """Change the row of the person's session."""
    with product.app.app_context():
        session = db.session.get_one(UserSession, session_of(person))
        for name, value in values.items():
            setattr(session, name, value)
        db.session.commit()


# Renewing


@pytest.mark.engines
def test_a_refresh_token_is_replaced_by_each_use(product: Product, alice: Person) -> None:
    token = alice.tokens["refresh_token"]
    for _ in range(3):
        answer = renew(product, token).json()
        assert answer["refresh_token"] != token
        assert is_signed_in(product, answer["access_token"])
        token = answer["refresh_token"]


@pytest.mark.engines
def test_a_refresh_token_used_again_later_ends_the_session_for_everybody(
    product: Product, alice: Person
) -> None:
    first = alice.tokens["refresh_token"]
    second = renew(product, first).json()
    third = renew(product, second["refresh_token"]).json()
    assert renew(product, first).status_code == 401
    assert renew(product, third["refresh_token"]).status_code == 401
    for token in (alice.tokens["access_token"], second["access_token"], third["access_token"]):
        assert not is_signed_in(product, token)


def test_a_copy_that_comes_after_a_moment_is_no_second_tab(product: Product, alice: Person) -> None:
    token = alice.tokens["refresh_token"]
    renewed = renew(product, token).json()
    change(product, alice, renewed_at=utc_now() - timedelta(seconds=11))
    assert renew(product, token).status_code == 401
    assert not is_signed_in(product, renewed["access_token"])


@pytest.mark.engines
def test_tabs_that_renew_at_the_same_moment_all_stay_signed_in(
    product: Product, alice: Person
) -> None:
    token = alice.tokens["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: renew(product, token), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(is_signed_in(product, answer.json()["access_token"]) for answer in answers)
    assert renew(product, answers[3].json()["refresh_token"]).status_code == 200


def test_a_browser_renews_both_tokens_and_keeps_them_as_long_as_the_session(
    start: Start,
) -> None:
    product = start(refresh_token_days=3)
    alice = product.sign_up("Alice")
    expire(product, alice, "access")
    response = alice.get("/")
    cookies = response.raw.headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "access_token_cookie",
        "refresh_token_cookie",
    }
    assert all(f"Max-Age={3 * 24 * 3600};" in cookie for cookie in cookies)


def test_an_expired_session_cannot_be_renewed(product: Product, alice: Person) -> None:
    expire(product, alice, "access", "refresh")
    assert (
        alice.get("/conversations", allow_redirects=False)
        .headers["Location"]
        .startswith("/auth/login")
    )


def test_a_session_ends_in_time_however_often_it_is_renewed(start: Start) -> None:
    product = start(refresh_token_days=3, session_days=4)
    alice = product.sign_up("Alice")
    change(product, alice, created_at=utc_now() - timedelta(days=4, minutes=-1))
    renewed = renew(product, alice.tokens["refresh_token"]).json()
    for name in ("access_token", "refresh_token"):
        claims = jwt.decode(renewed[name], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] <= 61
    change(product, alice, created_at=utc_now() - timedelta(days=4))
    assert renew(product, renewed["refresh_token"]).status_code == 401


def test_over_https_no_other_host_of_the_domain_can_set_the_cookies(start: Start) -> None:
    product = start(app_url="https://notes.example", allowed_hosts="127.0.0.1")
    product.sign_up("Alice")
    fields = {"email": "alice@example.com", "password": PASSWORD}
    cookies = form(product, "/auth/login", **fields).raw.headers.getlist("Set-Cookie")
    for cookie in cookies:
        assert cookie.startswith(("__Host-access=", "__Host-refresh=", "__Host-device="))
        assert "Secure" in cookie
        assert "Path=/;" in cookie or cookie.endswith("Path=/")
        assert "Domain" not in cookie


def test_signing_out_clears_what_the_browser_kept(alice: Person) -> None:
    assert alice.post("/auth/logout").headers["Clear-Site-Data"] == '"cache", "storage"'


def test_pages_may_use_no_device(alice: Person) -> None:
    policy = alice.get("/").headers["Permissions-Policy"]
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(policy.split(", "))


# Giving the password again


NEW = "another long secret"
CONFIRM = ("/auth/confirm", {"password": PASSWORD})
CHANGE_PASSWORD = ("/auth/password", {"current_password": PASSWORD, "new_password": NEW})


@pytest.mark.engines
@pytest.mark.parametrize(("path", "body"), [CONFIRM, CHANGE_PASSWORD], ids=["again", "new"])
def test_giving_the_password_again_replaces_the_sessions_tokens(
    product: Product, alice: Person, path: str, body: dict[str, str]
) -> None:
    copied = alice.tokens
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    tokens = alice.api("POST", path, json=body).json()
    alice.bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert alice.api("GET", "/auth/download").status_code == 200
    assert not is_signed_in(product, copied["access_token"])
    tokens = renew(product, tokens["refresh_token"]).json()
    assert is_signed_in(product, tokens["access_token"])
    assert renew(product, copied["refresh_token"]).status_code == 401, "somebody has a copy"
    assert not is_signed_in(product, tokens["access_token"])


def test_the_other_tabs_of_a_browser_go_on_when_the_password_was_given_again(
    product: Product, alice: Person
) -> None:
    with requests.Session() as before:
        before.cookies.update(alice.browser.cookies)
        csrf = alice.csrf_token
        path, body = CONFIRM
        headers = {"X-CSRF-TOKEN": csrf}
        answer = alice.browser.post(product.url + path, json=body, headers=headers)
        assert answer.json() == {"message": "Go on."}, "no script of a page may read tokens"
        assert {"access_token_cookie", "refresh_token_cookie"} == set(answer.cookies.keys())
        assert not is_signed_in(product, before.cookies["access_token_cookie"])
        # A request that was on its way with the cookies of before, and then an old form.
        renewed = before.get(f"{product.url}/auth/profile", headers={"Accept": "text/html"})
        assert renewed.url.endswith("/auth/profile")
        old_form = {"csrf_token": csrf, "name": "Alice B"}
        assert before.post(f"{product.url}/auth/name", data=old_form).status_code == 200
    assert alice.post("/auth/name", name="Alice C").status_code == 303


# Seen and ended


def sign_in_from(product: Product, person: Person, device: str) -> str:
    """Return the access token of a new session."""
    body = {"email": person.email, "password": PASSWORD}
    headers = {"User-Agent": device}
    answer = requests.post(f"{product.url}/auth/login", json=body, headers=headers)
    token: str = answer.json()["access_token"]
    return token


@pytest.mark.engines
def test_a_person_sees_where_they_are_signed_in(product: Product, alice: Person) -> None:
    sign_in_from(product, alice, FIREFOX)
    sign_in_from(product, alice, IPHONE)
    sessions = alice.api("GET", "/auth/sessions").json()["sessions"]
    assert [session["current"] for session in sessions] == [True, False, False]
    assert {session["device"] for session in sessions[1:]} == {
        "Firefox on Linux",
        "Mobile Safari on iOS",
    }
    assert {session["address"] for session in sessions} == {"127.0.0.1"}
    page = alice.get("/auth/sessions", headers={"Accept": "text/html"}).text
    assert page.count("Sign out</button>") == 2
    assert page.count("(this one)") == 1
    assert "Sign out everywhere else" in page


def test_what_a_browser_calls_itself_is_text_of_bounded_length(
    product: Product, alice: Person
) -> None:
    sign_in_from(product, alice, "<script>alert(1)</script>" * 100)
    page = alice.get("/auth/sessions", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "<script>alert" not in page.text


@pytest.mark.engines
def test_one_session_is_signed_out_and_the_others_stay(product: Product, alice: Person) -> None:
    firefox, phone = (sign_in_from(product, alice, device) for device in (FIREFOX, IPHONE))
    [id] = [
        session["id"]
        for session in alice.api("GET", "/auth/sessions").json()["sessions"]
        if session["device"] == "Firefox on Linux"
    ]
    assert alice.post(f"/auth/sessions/{id}/end").headers["Location"] == "/auth/sessions"
    assert not is_signed_in(product, firefox)
    assert is_signed_in(product, phone)
    assert is_signed_in(product, alice.tokens["access_token"])
    assert alice.api("POST", f"/auth/sessions/{id}/end").status_code == 404


@pytest.mark.engines
def test_signing_out_everywhere_else(product: Product, alice: Person, mallory: Person) -> None:
    others = [sign_in_from(product, alice, device) for device in (FIREFOX, IPHONE)]
    answer = alice.api("POST", "/auth/sessions/end-others")
    assert answer.json() == {"message": "You are signed out everywhere else."}
    assert not any(is_signed_in(product, token) for token in others)
    assert is_signed_in(product, alice.tokens["access_token"])
    assert is_signed_in(product, mallory.tokens["access_token"])


def test_nobody_ends_another_persons_session(
    product: Product, alice: Person, mallory: Person
) -> None:
    path = f"/auth/sessions/{session_of(alice)}/end"
    assert mallory.api("POST", path).status_code == 404
    assert mallory.post(path).status_code == 404
    assert is_signed_in(product, alice.tokens["access_token"])
    assert session_of(alice) not in mallory.api("GET", "/auth/sessions").text


# Streams


def end_elsewhere(product: Product, person: Person) -> None:
    """End the person's sessions as another worker does it: in the database."""
    with product.app.app_context():
        session_table.end(UserSession.user_id == person.id)


@pytest.fixture
def run(alice: Person, model: ScriptedModel) -> dict[str, Any]:
    """The first event of an answer of Alice's that goes on and on."""
    model.script(endless())
    stream = alice.ask("Tell me everything")
    first: dict[str, Any] = stream.until("run")[0].json
    stream.close()
    return first


@pytest.mark.engines
def test_a_programs_stream_ends_with_its_session_and_says_so(
    product: Product, alice: Person, run: dict[str, Any]
) -> None:
    stream = alice.resume(run["runId"])
    stream.until("content")
    end_elsewhere(product, alice)
    last = stream.all()[-1]
    assert (last.event, last.json["code"]) == ("error", "session_ended")
    assert alice.api("GET", f"/agents/chat-stream/{run['runId']}").status_code == 401


def test_a_pages_stream_ends_with_its_session_and_says_so(
    product: Product, alice: Person, run: dict[str, Any]
) -> None:
    here = f"{product.url}/conversations/{run['conversationId']}"
    stream = alice.get(f"/runs/{run['runId']}/events", stream=True, headers={"Referer": here})
    pieces = stream.iter_content(chunk_size=None)
    assert next(pieces)
    end_elsewhere(product, alice)
    rest = b"".join(pieces).decode()
    assert f"/auth/login?next=/conversations/{run['conversationId']}" in rest
    assert rest.count("event: done") == 1


def test_a_page_held_open_ends_with_its_session_and_says_so(
    product: Product, alice: Person, run: dict[str, Any]
) -> None:
    page = alice.get(f"/conversations/{run['conversationId']}/live", stream=True)
    pieces = page.iter_content(chunk_size=None)
    assert next(pieces)
    end_elsewhere(product, alice)
    rest = b"".join(pieces).decode()
    assert "Your session has ended." in rest
    assert rest.rstrip().endswith("</html>")


def test_the_streams_of_other_sessions_go_on(
    product: Product, alice: Person, mallory: Person, run: dict[str, Any]
) -> None:
    other = Person(product, alice.id, alice.email, alice.tokens, alice.browser)
    other.bearer = {"Authorization": f"Bearer {sign_in_from(product, alice, FIREFOX)}"}
    ending, going_on = alice.resume(run["runId"]), other.resume(run["runId"])
    going_on.until("content")
    with product.app.app_context():
        session_table.end(UserSession.id == session_of(alice))
    assert ending.all()[-1].json["code"] == "session_ended"
    going_on.until("content")
    going_on.close()


def test_a_stream_goes_on_when_the_access_token_runs_out(
    product: Product, alice: Person, model: ScriptedModel, run: dict[str, Any]
) -> None:
    expire(product, alice, "access")
    stream = alice.watch(run["runId"])
    assert len(stream.response.raw.headers.getlist("Set-Cookie")) == 2
    stream.until("parts")
    stream.until("message")
    stream.close()

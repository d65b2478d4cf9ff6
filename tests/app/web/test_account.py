"""A person's own account: name, password, and the log of what has happened to it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import gevent.pool
import pytest
import requests
from sqlalchemy.exc import DBAPIError

from app.account_data import delete_due_accounts, export_person
from app.auth import security_log
from app.auth.passwords import hash_password, init_app
from app.db.account_models import SecurityEvent
from app.db.models import Message, User, db, utc_now
from app.mail.letters import Letter
from app.mail.queue import queue_mail
from app.tools.outbox import read_outbox
from tests.app.web.test_user_sessions import change, is_signed_in, sign_in_from
from tests.support.mails import latest_link
from tests.support.product import PASSWORD, Person, Product, eventually, form
from tests.support.scripted_model import ScriptedModel, reasoning, text, tool_call

pytestmark = pytest.mark.shares_product

NEW = "another long secret"


def log_in(product: Product, email: str, password: str) -> int:
    body = {"email": email, "password": password}
    return requests.post(f"{product.url}/auth/login", json=body).status_code


def events(person: Person, query: str = "") -> list[str]:
    answer = person.api("GET", f"/auth/security-log{query}")
    assert answer.status_code == 200
    return [event["kind"] for event in answer.json()["events"]]


def change_password(person: Person, current: str) -> requests.Response:
    return person.post("/auth/password", current_password=current, new_password=NEW)


# The password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("nine char", "Enter a password of 10 to 256 characters."),
        ("x" * 257, "Enter a password of 10 to 256 characters."),
        ("1234567890", "This password is among the first that are guessed"),
        ("Basketball", "This password is among the first that are guessed"),
        ("aaaaaaaaaaaaaaaa", "This password is among the first that are guessed"),
        ("Bob.Miller@example.com", "Your e-mail address can't be your password"),
        ("bob.miller", "Your e-mail address can't be your password"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(
    product: Product, password: str, reason: str
) -> None:
    fields = {"name": "Bob", "email": "bob.miller@example.com", "password": password}
    page = form(product, "/auth/signup", **fields)
    assert page.status_code == 422
    assert reason.replace("'", "&#39;") in page.text


@pytest.mark.own_product
@pytest.mark.parametrize(
    "password", ["ten chars!", "home of nine cats " * 14, "пароль из слов", "🏠🏡🏘🏚🛖⛺🗼🕌🛕⛩"]
)
def test_any_characters_are_a_password(product: Product, password: str) -> None:
    fields = {"name": "Bob", "email": "bob@example.com", "password": password}
    assert form(product, "/auth/signup", **fields).status_code == 303
    assert log_in(product, "bob@example.com", password) == 200


@pytest.mark.engines
def test_a_new_password_signs_out_everywhere_else(product: Product, alice: Person) -> None:
    other = sign_in_from(product, alice, "Phone")
    answer = change_password(alice, PASSWORD)
    assert answer.headers["Location"] == "/auth/security?done=password"
    page = alice.get("/auth/security?done=password", headers=HTML).text
    assert "Your password is changed" in page
    assert not is_signed_in(product, other)
    assert is_signed_in(product, alice.browser.cookies["access_token_cookie"])
    assert log_in(product, alice.email, PASSWORD) == 401
    assert log_in(product, alice.email, NEW) == 200


HTML = {"Accept": "text/html"}


def test_a_weak_new_password_is_refused_beside_its_field(product: Product, alice: Person) -> None:
    page = alice.post("/auth/password", current_password=PASSWORD, new_password="short")
    assert page.status_code == 422
    assert 'id="new_password-error"' in page.text
    assert log_in(product, alice.email, PASSWORD) == 200


def test_the_password_is_asked_for_again_when_it_was_given_long_ago(
    product: Product, alice: Person
) -> None:
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    answer = alice.post("/auth/delete")
    assert answer.headers["Location"].startswith("/auth/confirm?next=")
    refused = alice.api("POST", "/auth/delete").json()["error"]
    assert refused["code"] == "password_needed"
    wrong = alice.post("/auth/confirm", password="wrong password")
    assert wrong.status_code == 403
    assert "This is not your password." in wrong.text
    assert alice.post("/auth/delete").headers["Location"] != "/auth/profile"
    right = alice.post("/auth/confirm", password=PASSWORD, next="/auth/profile")
    assert right.headers["Location"] == "/auth/profile"
    assert alice.post("/auth/delete").headers["Location"] == "/auth/data?done=delete"


def test_a_new_password_needs_the_current_one(product: Product, alice: Person) -> None:
    for wrong in ("wrong password", ""):
        page = change_password(alice, wrong)
        assert page.status_code == 403
        assert 'id="current_password-error"' in page.text
    missing = alice.api("POST", "/auth/password", json={"new_password": NEW})
    assert missing.json()["error"]["fields"].keys() == {"current_password"}
    assert events(alice)[0] == "password_refused"
    assert log_in(product, alice.email, PASSWORD) == 200
    # Those who sign in by a passkey or a provider have none.
    with product.app.app_context():
        db.session.get_one(User, alice.id).password_hash = ""
        db.session.commit()
    assert 'name="current_password"' not in alice.get("/auth/security", headers=HTML).text
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    assert change_password(alice, "").headers["Location"].startswith("/auth/confirm?next=")
    change(product, alice, password_at=utc_now())
    assert change_password(alice, "").headers["Location"] == "/auth/security?done=password"
    assert log_in(product, alice.email, NEW) == 200


def test_giving_the_password_again_can_be_tried_only_so_often(alice: Person) -> None:
    answers = [alice.post("/auth/confirm", password="wrong").status_code for _ in range(11)]
    assert answers == [403] * 10 + [429]


def test_after_giving_the_password_nobody_is_led_to_another_site(alice: Person) -> None:
    answer = alice.post("/auth/confirm", password=PASSWORD, next="//evil.example")
    assert answer.headers["Location"] == "/"


# The name


@pytest.mark.engines
def test_a_person_changes_their_name(product: Product, alice: Person) -> None:
    assert alice.post("/auth/name", name=" Alice <b> ").status_code == 303
    assert alice.api("GET", "/auth/profile").json()["user"]["name"] == "Alice <b>"
    assert "Alice &lt;b&gt;" in alice.get("/auth/profile", headers=HTML).text


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "Ali\nce"])
def test_a_name_that_can_not_be_is_refused_beside_its_field(alice: Person, name: str) -> None:
    page = alice.post("/auth/name", name=name)
    assert page.status_code == 422
    assert page.text.count('class="wrong"') == 1
    assert alice.api("GET", "/auth/profile").json()["user"]["name"] == "Alice"


# The log


@pytest.mark.engines
def test_what_happens_to_an_account_is_in_its_log(product: Product, alice: Person) -> None:
    assert events(alice) == ["signed_up"]
    log_in(product, alice.email, "wrong password")
    sign_in_from(product, alice, "Phone")
    change_password(alice, PASSWORD)
    assert events(alice) == [
        *("password_changed", "new_device", "signed_in", "sign_in_failed", "signed_up"),
    ]
    page = alice.get("/auth/security-log", headers=HTML).text
    assert "A log-in was refused: wrong password" in page
    assert "127.0.0.1" in page


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process's own time is fourteen hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_times_in_the_log_are_utc_wherever_the_server_is(alice: Person) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    alice.post("/auth/name", name="Alice B")
    [at, *_] = (event["at"] for event in alice.api("GET", "/auth/security-log").json()["events"])
    assert at.endswith("Z")
    assert before <= datetime.fromisoformat(at) <= datetime.now(UTC)


def test_a_stolen_refresh_token_is_in_the_log(product: Product, alice: Person) -> None:
    refresh = {"Authorization": f"Bearer {alice.tokens['refresh_token']}"}
    requests.post(f"{product.url}/auth/refresh", headers=refresh)
    change(product, alice, renewed_at=utc_now() - timedelta(minutes=1))
    assert requests.post(f"{product.url}/auth/refresh", headers=refresh).status_code == 401
    alice.bearer = {"Authorization": f"Bearer {sign_in_from(product, alice, 'Phone')}"}
    assert events(alice)[:3] == ["new_device", "signed_in", "token_reused"]


@pytest.mark.own_product
def test_nobody_sees_the_log_of_another_account_but_an_admin(
    product: Product, alice: Person, mallory: Person
) -> None:
    assert events(mallory) == ["signed_up"]
    assert mallory.api("GET", "/auth/security-log?all=1").status_code == 403
    with product.app.app_context():
        db.session.get_one(User, mallory.id).role = "admin"
        db.session.commit()
    assert events(mallory, "?all=1") == ["signed_up", "signed_up"]


@pytest.mark.own_product
def test_the_log_forgets_in_time(product: Product, alice: Person) -> None:
    old = {"kind": "signed_in", "user_id": alice.id, "address": "", "device": "", "detail": "old"}
    with product.app.app_context():
        db.session.execute(db.delete(SecurityEvent))
        db.session.add(SecurityEvent(at=utc_now() - timedelta(days=181), **old))
        db.session.commit()
    assert events(alice) == ["signed_in"]
    sign_in_from(product, alice, "Phone")
    assert events(alice) == ["new_device", "signed_in"]


@pytest.mark.engines
def test_nothing_changes_what_is_in_the_log(product: Product, alice: Person) -> None:
    with product.app.app_context():
        with pytest.raises(DBAPIError, match="only added to"):
            db.session.execute(db.text("UPDATE security_events SET kind = 'signed_in'"))
        db.session.rollback()
    assert events(alice) == ["signed_up"]


# Many at once


@pytest.mark.own_product
@pytest.mark.slow
def test_a_log_in_waits_for_no_sign_ups(product: Product, alice: Person) -> None:
    init_app(product.app)  # with a hasher as strong as the real one
    done: list[int] = []

    def sign_up(number: int) -> None:
        fields = {"name": "Bob", "email": f"bob{number}@example.com", "password": PASSWORD}
        done.append(form(product, "/auth/signup", **fields).status_code)

    with product.app.app_context():
        stored = db.session.get_one(User, alice.id)
        stored.password_hash = hash_password(PASSWORD)
        db.session.commit()
    sign_ups = gevent.pool.Pool(14)
    for number in range(14):
        sign_ups.spawn(sign_up, number)
    known = product.app.extensions["passwords"]
    eventually(lambda: known.new.waiting > 8)
    assert log_in(product, alice.email, PASSWORD) == 200
    assert len(done) < 6, "the log-in waited for others"
    sign_ups.join()
    assert done == [303] * 14


@pytest.mark.own_product
def test_hashes_that_wait_are_bounded(product: Product, alice: Person) -> None:
    """Refuse instead of letting a queue of people grow without end."""
    init_app(product.app)
    known = product.app.extensions["passwords"]
    known.tried.waiting = 200
    answer = form(product, "/auth/login", email=alice.email, password=PASSWORD)
    assert answer.status_code == 503
    assert "Too many people sign in just now." in answer.text


# All one's data


LETTER = {"notes": ["first"], "recipientEmail": "bob@example.com"}


def send_a_letter(person: Person, model: ScriptedModel) -> None:
    """Have the agent send a letter, with the person's approval."""
    model.script(tool_call("sendNotes", LETTER), reasoning("Done?", then=text("Sent.")))
    stream = person.ask("Send it")
    approval = stream.until("approval")[-1].json
    person.api("POST", approval["url"], json={"decision": "approve"})
    assert stream.until("done")[-1].json["status"] == "completed"


@pytest.mark.engines
def test_a_person_downloads_all_that_there_is_of_them(
    product: Product, alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    model.script(text("Mallory's own."))
    mallory.ask("A secret of Mallory's").until("done")
    send_a_letter(alice, model)
    file = alice.get("/auth/download")
    assert file.headers["Content-Disposition"] == "attachment; filename=homestream.json"
    data = file.json()
    assert data["account"]["email"] == alice.email
    assert [letter["recipient"] for letter in data["outbox"]] == ["bob@example.com"]
    [conversation] = data["conversations"]
    assert [message["text"] for message in conversation["messages"]] == ["Send it", "Sent."]
    [call] = conversation["messages"][1]["toolCalls"]
    assert (call["name"], call["status"]) == ("sendNotes", "completed")
    assert conversation["messages"][1]["thoughts"] == ["Done?"]
    assert {event["kind"] for event in data["securityLog"]} >= {"signed_up", "data_downloaded"}
    assert "Mallory" not in file.text


def test_a_conversation_deleted_during_the_download_is_left_out(
    product: Product, alice: Person
) -> None:
    conversations = [
        alice.ask(question).until("done")[0].json["conversationId"] for question in ("One", "Two")
    ]
    with product.app.test_request_context():
        pieces = export_person(alice.id, product.services.registry)
        first = next(pieces)
        path = f"/conversations/{conversations[0]}"
        assert alice.api("DELETE", path, params={"forGood": "true"}).status_code == 204
        data = json.loads(first + "".join(pieces))
    assert [each["id"] for each in data["conversations"]] == conversations[1:]


def test_the_download_lists_the_mails_to_a_person_without_the_links_in_them(
    product: Product, alice: Person, mallory: Person
) -> None:
    confirmation = latest_link(product, alice.email)
    for person in (alice, mallory):
        form(product, "/auth/forgot", email=person.email)
    with product.app.app_context():
        for email in (alice.email, mallory.email):
            queue_mail(email, Letter("To whoever has this address", "", False), None)
        db.session.commit()
    assert len(alice.get("/auth/download").json()["mails"]) == 2, "the address may be another's"
    requests.post(confirmation)
    file = alice.get("/auth/download")
    listed = file.json()["mails"]
    assert [mail["subject"] for mail in listed if "data of the account" not in mail["subject"]] == [
        "To whoever has this address",
        "Set a new password at Homestream",
        "Confirm your address at Homestream",
    ]
    assert {(mail["recipient"], mail["status"]) for mail in listed} == {(alice.email, "kept")}
    assert all(datetime.fromisoformat(mail["createdAt"]) for mail in listed)
    assert "token" not in file.text


@pytest.mark.parametrize("path", ["/auth/delete", "/auth/download"])
def test_what_concerns_all_of_an_account_asks_for_the_password(
    product: Product, alice: Person, path: str
) -> None:
    change(product, alice, password_at=utc_now() - timedelta(minutes=11))
    method = "GET" if path.endswith("download") else "POST"
    answer = alice.api(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "password_needed")


@pytest.mark.own_product
@pytest.mark.engines
def test_an_account_is_deleted_a_week_later_with_all_that_it_has(
    product: Product, alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    model.script(text("Mallory's own."))
    mallory.ask("Hello").until("done")
    send_a_letter(alice, model)
    other = sign_in_from(product, alice, "Phone")
    assert alice.post("/auth/delete").headers["Location"] == "/auth/data?done=delete"
    assert not is_signed_in(product, other)
    delete_due(product)
    assert "will be deleted on" in alice.get("/").text
    assert is_signed_in(product, alice.tokens["access_token"]), "it has a week"
    in_a_week(product, alice)
    delete_due(product)
    assert not is_signed_in(product, alice.tokens["access_token"])
    assert log_in(product, alice.email, PASSWORD) == 401
    with product.app.app_context():
        assert read_outbox(product.services.registry, alice.id) == []
        for table in db.metadata.sorted_tables:
            if "user_id" in table.c and table.name != "security_events":
                left = db.session.scalars(db.select(table.c.user_id)).all()
                assert alice.id not in left, table.name
        texts = db.session.scalars(db.select(Message.content)).all()
        assert set(texts) == {"Hello", "Mallory's own."}
        assert security_log.latest(alice.id)[0].kind == "account_deleted"
    assert product.sign_up("Alice").id != alice.id, "the address is free again"


def test_a_person_who_changes_their_mind_keeps_the_account(product: Product, alice: Person) -> None:
    alice.post("/auth/delete")
    assert "Keep my account" in alice.get("/auth/data", headers=HTML).text
    alice.post("/auth/keep")
    in_a_week(product, alice)
    delete_due(product)
    assert is_signed_in(product, alice.tokens["access_token"])
    assert "Keep my account" not in alice.get("/auth/data", headers=HTML).text


@pytest.mark.own_product
def test_an_account_waits_for_a_service_that_is_away(product: Product, alice: Person) -> None:
    alice.post("/auth/delete")
    in_a_week(product, alice)
    product.tool_services["notes"].stop()
    product.services.registry.refresh()
    delete_due(product)
    assert is_signed_in(product, alice.tokens["access_token"])


def in_a_week(product: Product, person: Person) -> None:
    """Set a deletion that was asked for to now."""
    with product.app.app_context():
        db.session.execute(
            db.update(User)
            .where(User.id == person.id, User.delete_at.is_not(None))
            .values(delete_at=utc_now())
        )
        db.session.commit()


def delete_due(product: Product) -> None:
    with product.app.app_context():
        delete_due_accounts(product.services.registry)

"""The people who have an account, as an admin sees them, and their roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gevent.pool
import pytest
import requests
from sqlalchemy import func, select, update

from app.account_data import ask_for_deletion
from app.auth import roles
from app.db.models import User, db, utc_now
from app.errors import Conflict, HomestreamError
from scripts import set_role
from tests.app.web.test_second_factors import set_up_app
from tests.app.web.test_user_sessions import change, is_signed_in
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, endless

Start = Callable[..., Product]
HTML = {"Accept": "text/html"}


def make_admin(*people: Person) -> None:
    with people[0].product.app.app_context():
        ids = [person.id for person in people]
        db.session.execute(
            update(User).where(User.id.in_(ids)).values(role="admin", delete_at=None)
        )
        db.session.commit()


def admins(product: Product) -> list[str]:
    with product.app.app_context():
        return list(db.session.scalars(select(User.email).where(User.role == "admin")))


def staying_admins(product: Product) -> list[str]:
    with product.app.app_context():
        staying = (User.role == "admin") & User.delete_at.is_(None)
        return list(db.session.scalars(select(User.email).where(staying)))


def found(admin: Person, query: str = "") -> list[str]:
    return [person["email"] for person in admin.api("GET", f"/people{query}").json()["people"]]


def give(admin: Person, person: Person, role: str) -> requests.Response:
    return admin.api("POST", f"/people/{person.id}/role", json={"role": role})


@pytest.mark.engines
def test_an_admin_looks_people_up_and_gives_them_the_role(
    product: Product, alice: Person, mallory: Person
) -> None:
    for refused in (mallory.get("/people", headers=HTML), give(mallory, mallory, "admin")):
        assert refused.status_code == 403
        assert "Only an admin sees who has an account." in refused.text
    assert "/people" not in mallory.get("/auth/profile", headers=HTML).text
    make_admin(alice)
    assert 'href="/people"' in alice.get("/auth/profile", headers=HTML).text
    assert found(alice) == [alice.email, mallory.email]
    for words, emails in {"MALL": [mallory.email], "%": [], "_": []}.items():
        assert found(alice, f"?search={quote(words)}") == emails
    assert mallory.email in alice.get("/people?search=mallory", headers=HTML).text
    done = alice.post(f"/people/{mallory.id}/role", role="admin", search="mallory")
    assert done.headers["Location"] == "/people?search=mallory&done=role"
    assert found(mallory) == [alice.email, mallory.email]
    event = mallory.api("GET", "/auth/security-log").json()["events"][0]
    assert (event["kind"], event["address"]) == ("role_changed", "")
    assert event["detail"] == f"admin, by {alice.email}"
    assert "The role was changed on" in mallory.get("/").text


def test_a_role_that_can_not_be_given_is_refused_with_the_reason(
    alice: Person, mallory: Person
) -> None:
    make_admin(alice)
    wrong = give(alice, mallory, "owner")
    assert (wrong.status_code, list(wrong.json()["error"]["fields"])) == (422, ["role"])
    page = alice.post(f"/people/{mallory.id}/role", role="owner")
    assert (page.status_code, 'role="alert"' in page.text) == (422, True)
    assert alice.post("/people/nobody/role", role="admin").status_code == 404
    last = alice.post(f"/people/{alice.id}/role", role="user")
    assert (last.status_code, "This is the last admin" in last.text) == (409, True)
    change(alice.product, alice, password_at=utc_now() - timedelta(minutes=11))
    assert give(alice, mallory, "admin").json()["error"]["code"] == "password_needed"
    assert admins(alice.product) == [alice.email]


@pytest.mark.engines
def test_whoever_loses_the_role_loses_what_they_have_open(
    product: Product, alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    make_admin(alice, mallory)
    model.script(endless())
    stream = mallory.ask("Go on and on")
    stream.until("content")
    assert give(alice, mallory, "user").status_code == 200
    assert not is_signed_in(product, mallory.tokens["access_token"])
    assert stream.until("error")[-1].json["code"] == "session_ended"
    assert admins(product) == [alice.email]


def test_the_last_admin_who_stays_can_neither_lose_the_role_nor_delete_the_account(
    alice: Person, mallory: Person
) -> None:
    make_admin(alice, mallory)
    assert alice.api("POST", "/auth/delete").status_code == 200
    refused = mallory.api("POST", "/auth/delete").json()["error"]
    assert refused["message"] == "This is the last admin: make somebody else an admin first."
    page = mallory.post("/auth/delete")
    assert (page.status_code, "make somebody else an admin first" in page.text) == (409, True)
    assert give(alice, mallory, "user").status_code == 409, "Alice is about to go"
    alice.post("/auth/keep")
    assert mallory.api("POST", "/auth/delete").status_code == 200
    assert give(alice, mallory, "user").status_code == 200
    assert alice.api("POST", "/auth/delete").status_code == 409


def lose_role(user_id: str) -> None:
    roles.change(user_id, "user")


@pytest.mark.engines
@pytest.mark.parametrize(
    "ways",
    [(lose_role, lose_role), (ask_for_deletion, ask_for_deletion), (lose_role, ask_for_deletion)],
    ids=["both lose the role", "both delete the account", "one of each"],
)
def test_admins_who_go_at_the_same_moment_leave_one(
    product: Product, alice: Person, mallory: Person, ways: tuple[Callable[[str], Any], ...]
) -> None:
    def went(way: Callable[[str], Any], user_id: str) -> bool:
        with product.app.app_context():
            try:
                way(user_id)
            except Conflict:
                return False
            return True

    for _ in range(10):
        make_admin(alice, mallory)
        pool = gevent.pool.Pool(2)
        going = [pool.spawn(went, *each) for each in zip(ways, (alice.id, mallory.id), strict=True)]
        pool.join()
        assert sorted(each.get() for each in going) == [False, True]
        assert len(staying_admins(product)) == 1


def test_an_admin_without_a_required_second_step_is_as_everybody_else(start: Start) -> None:
    product = start(require_second_factor_for_admins=True)
    alice = product.sign_up("Alice")
    make_admin(alice)
    asks_for_the_role = ("/people", "/invitations", "/mailbox", "/auth/security-log?all=1")
    forwarded = {"X-Forwarded-For": "203.0.113.9"}

    def statuses() -> set[int]:
        return {alice.get(path, headers=HTML).status_code for path in asks_for_the_role}

    def is_told() -> bool:
        return "database" in alice.api("GET", "/health", headers=forwarded).json()

    assert (statuses(), is_told()) == ({403}, False)
    assert "set one up on your account page" in alice.get("/mailbox", headers=HTML).text
    set_up_app(alice)
    assert (statuses(), is_told()) == ({200}, True)
    assert alice.post("/auth/second-factor/app/remove").status_code == 303
    assert (statuses(), is_told()) == ({403}, False)


def test_people_come_fifty_at_a_time(product: Product, alice: Person) -> None:
    make_admin(alice)
    with product.app.app_context():
        for number in range(60):
            email = f"b{number:02}@example.com"
            db.session.add(User(email=email, name="Bob", password_hash=""))
        db.session.commit()
        assert db.session.scalar(select(func.count()).select_from(User)) == 61
    first = alice.api("GET", "/people").json()
    assert (len(first["people"]), first["after"]) == (50, "b48@example.com")
    page = alice.get("/people?search=bob", headers=HTML).text
    assert "/people?search=bob&amp;after=b49@example.com" in page.replace("%40", "@")
    assert len(found(alice, "?after=b48@example.com")) == 11


def test_the_operator_makes_the_first_admin(
    product: Product, alice: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSTANCE_DIR", str(product.folder))
    assert set_role.main(" Alice@example.com", "admin").startswith(alice.email)
    assert found(alice) == [alice.email]
    for email, role in ((alice.email, "user"), ("bob@example.com", "admin"), ("", "admin")):
        with pytest.raises((ValueError, HomestreamError)):
            set_role.main(email, role)
    assert admins(product) == [alice.email]

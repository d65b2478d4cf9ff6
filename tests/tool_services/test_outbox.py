from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import event

from tests.tool_services.conftest import Service, World, dispose, start_server, url_of
from tool_services import listings
from tool_services.listings.models import Listing, db

# On PostgreSQL as well.
pytestmark = pytest.mark.databases

REPORT = {"listingIds": ["L001", "L003"], "recipientEmail": "ann@example.com"}


def messages(world: World, user: str = "alice") -> Any:
    return world.listings.get("/outbox", user).body["messages"]


def test_a_report_goes_to_the_outbox_and_the_answer_says_so(world: World) -> None:
    result = world.listings.call("sendListingReport", REPORT, key="call-1").result
    sent_at = datetime.fromisoformat(result.pop("sentAt"))
    assert result == {
        "sent": True,
        "recipientEmail": "ann@example.com",
        "listingIds": ["L001", "L003"],
        "subject": "Listing report: 2 homes",
        "delivery": "outbox",
    }
    assert abs(datetime.now(UTC) - sent_at) < timedelta(minutes=1)


def test_the_message_tells_about_each_home_in_text_and_html(world: World) -> None:
    world.listings.call("sendListingReport", REPORT)
    [message] = messages(world)
    assert message["delivery"] == "kept"
    assert message["recipient"] == "ann@example.com"
    for body in (message["text"], message["html"]):
        assert "123 Oak Street" in body
        assert "Portland, OR 97201" in body
        assert "$825,000" in body
        assert "3.5" in body
        assert "L003" in body


def test_a_report_on_one_home_is_headed_by_its_address(world: World) -> None:
    one = {"listingIds": ["l001"], "recipientEmail": "ann@example.com"}
    result = world.listings.call("sendListingReport", one).result
    assert result["subject"] == "Listing report: 123 Oak Street, Portland"
    assert result["listingIds"] == ["L001"]


def test_what_a_listing_says_cannot_become_markup_in_the_mail(world: World) -> None:
    with world.listings.app.app_context():
        db.session.get_one(Listing, 1).StreetAddress = "<script>alert(1)</script> & Sons"
        db.session.commit()
    world.listings.call("sendListingReport", REPORT)
    [message] = messages(world)
    assert "<script>" not in message["html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in message["html"]
    assert "<script>alert(1)</script> & Sons" in message["text"]


def test_unknown_listings_are_named_and_nothing_is_sent(world: World) -> None:
    answer = world.listings.call("sendListingReport", REPORT | {"listingIds": ["L001", "L999"]})
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "the id L999." in answer.message
    assert messages(world) == []


def test_a_call_told_twice_is_done_once_and_answered_the_same(world: World) -> None:
    first = world.listings.call("sendListingReport", REPORT, key="call-1").result
    second = world.listings.call("sendListingReport", REPORT, key="call-1").result
    assert first == second
    assert len(messages(world)) == 1


def test_calls_told_at_the_same_time_are_done_once(world: World) -> None:
    def send() -> Any:
        return world.listings.call("sendListingReport", REPORT, key="call-1").result

    calls = [gevent.spawn(send) for _ in range(20)]
    gevent.joinall(calls, raise_error=True)
    assert all(call.value == calls[0].value for call in calls)
    assert len(messages(world)) == 1


def test_two_instances_on_one_database_told_at_the_same_time_do_it_once(world: World) -> None:
    token = world.issuer.token(world.listings.url)
    app = listings.create_app(world.settings)
    server = start_server(app)
    twin = Service(url_of(server), app, server, world.issuer)

    def send(service: Service) -> Any:
        return service.call("sendListingReport", REPORT, key="call-1", token=token).result

    calls = [gevent.spawn(send, service) for service in (world.listings, twin) * 5]
    gevent.joinall(calls, raise_error=True)
    assert all(call.value == calls[0].value for call in calls)
    assert len(messages(world)) == 1
    server.stop()
    dispose(db, app)


def test_a_twin_that_is_faster_by_a_hair_is_the_one_that_counts(world: World) -> None:
    session = db.session

    def twin_commits_first(*_event: object) -> None:
        world.listings.call("sendListingReport", REPORT, key="call-1")

    event.listen(session, "before_flush", twin_commits_first, once=True)
    answer = world.listings.call("sendListingReport", REPORT, key="call-1")
    assert answer.status == 200
    assert len(messages(world)) == 1


def test_the_same_key_for_something_else_is_a_clear_conflict(world: World) -> None:
    world.listings.call("sendListingReport", REPORT, key="call-1")
    for other in ({"listingIds": ["L002"]}, {"recipientEmail": "bob@example.com"}):
        answer = world.listings.call("sendListingReport", REPORT | other, key="call-1")
        assert (answer.status, answer.code) == (409, "idempotency_conflict")
    assert len(messages(world)) == 1


def test_the_same_key_of_another_user_is_another_call(world: World) -> None:
    for user in ("alice", "bob"):
        world.listings.call("sendListingReport", REPORT, key="call-1", user=user)
    assert len(messages(world, "alice")) == len(messages(world, "bob")) == 1


def test_calls_without_a_key_or_with_keys_of_their_own_are_each_done(world: World) -> None:
    for key in (None, None, "call-1", "call-2"):
        world.listings.call("sendListingReport", REPORT, key=key)
    assert len(messages(world)) == 4


def test_the_outbox_shows_the_newest_first(world: World) -> None:
    for name in ("first", "second"):
        address = f"{name}@example.com"
        world.listings.call("sendListingReport", REPORT | {"recipientEmail": address})
    assert [message["recipient"] for message in messages(world)] == [
        "second@example.com",
        "first@example.com",
    ]


def test_the_outbox_shows_nobody_elses_messages(world: World) -> None:
    world.listings.call("sendListingReport", REPORT, user="alice")
    assert messages(world, "charlie") == []


@pytest.mark.parametrize(("scope", "status"), [("tools:call", 403), ("outbox:read", 200)])
def test_the_outbox_takes_its_own_scope(world: World, scope: str, status: int) -> None:
    token = world.issuer.token(world.listings.url, scope=scope)
    answer = world.listings.request("GET", "/outbox", token)
    assert answer.status == status
    assert world.listings.request("GET", "/outbox").status == 401


def test_a_restart_keeps_the_outbox_and_what_was_done_once(world: World) -> None:
    first = world.listings.call("sendListingReport", REPORT, key="call-1").result
    dispose(db, world.listings.app)
    world.listings.server.application = listings.create_app(world.settings)
    assert world.listings.call("sendListingReport", REPORT, key="call-1").result == first
    assert len(messages(world)) == 1
    dispose(db, world.listings.server.application)

"""The sendListingReport tool without a mail server: the outbox, and each call done once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import event

from tests.tool_services.support.display import display_parts
from tests.tool_services.support.services import Answer, Service
from tool_services.listings.models import Listing, db

# On PostgreSQL as well.
pytestmark = pytest.mark.engines

REPORT = {"listingIds": ["L001", "L003"], "recipientEmail": "ann@example.com"}


def send(listings: Service, key: str | None = None, user: str = "alice", **changed: Any) -> Answer:
    return listings.call("sendListingReport", REPORT | changed, key=key, user=user)


def outbox(listings: Service, user: str = "alice") -> Any:
    return listings.get("/outbox", user).body["messages"]


def test_a_report_that_is_only_in_the_outbox_is_never_said_to_be_sent(listings: Service) -> None:
    tools = listings.request("GET", "/tools").body["tools"]
    [tool] = [tool for tool in tools if tool["name"] == "sendListingReport"]
    assert "outbox" in tool["title"]
    result = send(listings).result
    [part] = display_parts(listings, "sendListingReport", **REPORT)
    [preview] = listings.preview("sendListingReport", REPORT).body["content"]
    for text in (tool["description"], result["message"], part.text, preview["resource"]["text"]):
        assert "outbox" in text
        assert "no mail server" in text.lower()
    assert (result["sent"], result["sentAt"], result["delivery"]) == (False, None, "outbox")
    assert {message["delivery"] for message in outbox(listings)} == {"kept"}
    for message in outbox(listings):
        assert "sent" not in message["text"].lower()


def test_an_outbox_is_erased_for_its_person_alone(listings: Service) -> None:
    send(listings)
    send(listings, user="bob")
    reading = listings.token("alice")
    assert listings.request("DELETE", "/outbox", reading).status == 403
    erasing = listings.token("alice", scope="outbox:erase")
    assert listings.request("DELETE", "/outbox", erasing).status == 200
    assert outbox(listings) == []
    assert len(outbox(listings, "bob")) == 1


def test_a_report_is_stored_for_its_recipient(listings: Service) -> None:
    result = send(listings).result
    assert result["recipientEmail"] == "ann@example.com"
    assert result["listingIds"] == ["L001", "L003"]
    [message] = outbox(listings)
    assert message["recipient"] == "ann@example.com"
    assert message["subject"] == result["subject"] == "Listing report: 2 homes"
    written = datetime.fromisoformat(message["createdAt"])
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)


def test_a_report_tells_about_each_home_in_text_and_html(listings: Service) -> None:
    send(listings)
    [message] = outbox(listings)
    for body in (message["text"], message["html"]):
        for words in ("123 Oak Street", "Portland, OR 97201", "$825,000", "3.5", "L003"):
            assert words in body


def test_a_report_on_one_home_is_headed_by_its_address(listings: Service) -> None:
    result = send(listings, listingIds=["l001"]).result
    assert result["subject"] == "Listing report: 123 Oak Street, Portland"
    assert result["listingIds"] == ["L001"]


def test_a_listings_text_cannot_become_markup(listings: Service) -> None:
    with listings.app.app_context():
        db.session.get_one(Listing, 1).StreetAddress = "<script>alert(1)</script> & Sons"
        db.session.commit()
    send(listings)
    [message] = outbox(listings)
    assert "<script>" not in message["html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in message["html"]
    assert "<script>alert(1)</script> & Sons" in message["text"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"listingIds": ["L001", "L999"]}, "unknown_listing"),
        ({"recipientEmail": "ann@"}, "invalid_arguments"),
        ({"recipientEmail": "ann@example.com\nBcc: x@y.z"}, "invalid_arguments"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(
    listings: Service, changed: dict[str, Any], code: str
) -> None:
    answer = send(listings, key="call-1", **changed)
    assert (answer.status, answer.code) == (422, code)
    assert outbox(listings) == []
    assert send(listings, key="call-1").status == 200


def test_the_schema_says_that_the_recipient_is_an_email_address(listings: Service) -> None:
    tools = listings.request("GET", "/tools").body["tools"]
    [schema] = [tool["inputSchema"] for tool in tools if tool["name"] == "sendListingReport"]
    assert schema["properties"]["recipientEmail"]["format"] == "email"


def test_a_preview_names_the_recipient_and_every_home_before_the_letter(listings: Service) -> None:
    [preview] = listings.preview("sendListingReport", REPORT).body["content"]
    head = preview["resource"]["text"].partition("<pre>")[0]
    assert "ann@example.com" in head
    homes = listings.get(f"/listings?ids={','.join(REPORT['listingIds'])}").body["listings"]
    assert homes
    assert [home for home in homes if f"{home['address']}, {home['city']}" not in head] == []


def test_a_preview_shows_the_report_and_stores_nothing(listings: Service) -> None:
    [preview] = listings.preview("sendListingReport", REPORT).body["content"]
    assert "123 Oak Street, Portland, OR 97201" in preview["resource"]["text"]
    assert "ann@example.com" in preview["resource"]["text"]
    assert outbox(listings) == []


# Each call is done once


def test_a_repeated_call_is_done_once_and_answered_the_same(listings: Service) -> None:
    first = send(listings, "call-1").result
    assert send(listings, "call-1").result == first
    listings.restart()
    assert send(listings, "call-1").result == first
    assert len(outbox(listings)) == 1


@pytest.fixture
def instances(listings: Service) -> Iterator[list[Service]]:
    """Two instances of the service on one database."""
    with listings.twin() as twin:
        yield [listings, twin]


def test_a_call_repeated_at_the_same_time_is_done_once(instances: list[Service]) -> None:
    token = instances[0].call_token("sendListingReport", REPORT)

    def repeat(listings: Service) -> Any:
        return listings.call("sendListingReport", REPORT, key="call-1", token=token).result

    calls = [gevent.spawn(repeat, service) for service in instances * 10]
    gevent.joinall(calls, raise_error=True)
    assert all(call.value == calls[0].value for call in calls)
    assert len(outbox(instances[0])) == 1


def test_a_call_stored_between_look_up_and_insert_is_the_one_that_counts(
    listings: Service,
) -> None:
    def another_is_faster(*_event: object) -> None:
        send(listings, "call-1")

    event.listen(db.session, "before_flush", another_is_faster, once=True)
    assert send(listings, "call-1").status == 200
    assert len(outbox(listings)) == 1


def test_the_same_key_with_other_arguments_is_a_conflict(listings: Service) -> None:
    send(listings, "call-1")
    for other in ({"listingIds": ["L002"]}, {"recipientEmail": "bob@example.com"}):
        answer = send(listings, "call-1", **other)
        assert (answer.status, answer.code) == (409, "idempotency_conflict")
    assert len(outbox(listings)) == 1


def test_calls_without_a_key_or_with_other_keys_are_each_done(listings: Service) -> None:
    for key in (None, None, "call-1", "call-2"):
        send(listings, key)
    assert len(outbox(listings)) == 4


# Whose outbox it is


def test_each_user_has_their_own_keys_and_their_own_outbox(listings: Service) -> None:
    users = [f"user-{number}" for number in range(20)]

    def work(user: str) -> None:
        send(listings, "the same key", user, recipientEmail=f"{user}@example.com")

    gevent.joinall([gevent.spawn(work, user) for user in users], raise_error=True)
    for user in users:
        assert [one["recipient"] for one in outbox(listings, user)] == [f"{user}@example.com"]
    assert outbox(listings, "charlie") == []


def test_the_outbox_has_the_newest_first(listings: Service) -> None:
    for name in ("first", "second"):
        send(listings, recipientEmail=f"{name}@example.com")
    recipients = [message["recipient"] for message in outbox(listings)]
    assert recipients == ["second@example.com", "first@example.com"]


@pytest.mark.parametrize(("scope", "status"), [("tools:call", 403), ("outbox:read", 200)])
def test_the_outbox_needs_its_own_scope(listings: Service, scope: str, status: int) -> None:
    assert listings.request("GET", "/outbox", listings.token(scope=scope)).status == status
    assert listings.request("GET", "/outbox").status == 401

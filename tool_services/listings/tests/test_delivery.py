"""Reports by e-mail: each is sent at most once, and the answer says what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import gevent
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from tests.tool_services.support.display import display_parts
from tests.tool_services.support.mailbox import Mailbox, running_mailbox
from tests.tool_services.support.services import Answer, Service
from tool_services.framework.timestamps import utc_now
from tool_services.listings.models import OutboxMessage, db

pytestmark = pytest.mark.slow


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with running_mailbox(tmp_path / "mail") as running:
        yield running


@pytest.fixture
def mailing(request: pytest.FixtureRequest, listings: Service, mailbox: Mailbox) -> Service:
    """The listings service with a mail server, and time enough for a busy machine; or as many
    seconds for a call as the test says."""
    seconds = getattr(request, "param", 20)
    listings.restart(smtp_url=SecretStr(mailbox.url), tool_timeout=seconds)
    return listings


def send(service: Service, recipient: str, key: str | None = "call-1") -> Answer:
    arguments = {"listingIds": ["L001", "L003"], "recipientEmail": f"{recipient}@example.com"}
    return service.call("sendListingReport", arguments, key=key)


def outbox(service: Service) -> list[tuple[str, str]]:
    messages = service.get("/outbox").body["messages"]
    return [(message["delivery"], message["reason"]) for message in messages]


def test_a_report_arrives_as_text_and_as_html(mailing: Service, mailbox: Mailbox) -> None:
    result = send(mailing, "ann").result
    [message] = mailbox.messages
    assert message["To"] == "ann@example.com"
    assert message["From"] == "Homestream <homestream@example.com>"
    assert message["Subject"] == result["subject"] == "Listing report: 2 homes"
    assert message["Message-ID"].startswith("<report-")
    assert message["Date"]
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert "123 Oak Street" in part.get_content()
        assert "$825,000" in part.get_content()


def test_a_report_that_was_sent_is_said_to_be_sent(mailing: Service) -> None:
    result = send(mailing, "ann").result
    assert (result["sent"], result["delivery"]) == (True, "email")
    assert result["sentAt"] is not None
    assert "sent to ann@example.com" in result["message"]
    arguments = {"listingIds": ["L001"], "recipientEmail": "bob@example.com"}
    [part] = display_parts(mailing, "sendListingReport", **arguments)
    assert "sent to bob@example.com" in part.text
    assert outbox(mailing) == [("sent", ""), ("sent", "")]
    [preview] = mailing.preview("sendListingReport", arguments).body["content"]
    assert "outbox" not in preview["resource"]["text"]


def test_nothing_is_sent_for_somebody_whose_own_address_is_unconfirmed(
    mailing: Service, mailbox: Mailbox
) -> None:
    arguments = {"listingIds": ["L001"], "recipientEmail": "ann@example.com"}
    for claim in (False, None, "yes"):
        token = mailing.call_token("sendListingReport", arguments, email_verified=claim)
        answer = mailing.call("sendListingReport", arguments, token=token)
        assert (answer.status, answer.body["error"]["code"]) == (403, "email_unverified")
    assert mailbox.messages == []
    assert outbox(mailing) == []


def test_a_repeated_call_sends_once(mailing: Service, mailbox: Mailbox) -> None:
    first, second = send(mailing, "ann").result, send(mailing, "ann").result
    assert first == second
    assert len(mailbox.messages) == 1


def test_a_call_repeated_at_the_same_time_sends_once(mailing: Service, mailbox: Mailbox) -> None:
    with mailing.twin() as twin:
        calls = [gevent.spawn(send, service, "later") for service in [mailing, twin] * 4]
        first, *others = [call.get().result for call in calls]
    assert all(other == first for other in others)
    assert len(mailbox.messages) == 1


def test_a_server_that_refuses_for_now_is_asked_again(mailing: Service, mailbox: Mailbox) -> None:
    assert send(mailing, "later").result["sent"] is True
    assert mailbox.log == ["RCPT later@example.com", "RCPT later@example.com", "DATA"]
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(
    ("recipient", "reason", "attempts"),
    [
        ("refused", "550 No such mailbox", 1),
        ("rejected", "554 Not from you", 1),
        ("full", "452 No room", 3),
        ("hangs-up-early", "can't be reached", 3),
    ],
)
def test_a_report_that_was_not_sent_is_said_not_to_be(
    mailing: Service, mailbox: Mailbox, recipient: str, reason: str, attempts: int
) -> None:
    answer = send(mailing, recipient)
    assert (answer.status, answer.code) == (502, "delivery_failed")
    assert reason in answer.message
    assert answer.message.endswith("Nothing was sent.")
    assert send(mailing, recipient).message == answer.message
    assert mailbox.log.count(f"RCPT {recipient}@example.com") == attempts
    assert mailbox.messages == []
    assert outbox(mailing) == [("failed", answer.message)]


@pytest.mark.parametrize("mailing", [2], indirect=True)
@pytest.mark.parametrize(("recipient", "arrived"), [("hangs-up", 1), ("stalls", 0)])
def test_a_report_that_may_have_been_sent_is_never_sent_again(
    mailing: Service, mailbox: Mailbox, recipient: str, arrived: int
) -> None:
    for _ in range(2):
        answer = send(mailing, recipient)
        assert (answer.status, answer.code) == (502, "delivery_unknown")
    assert mailbox.log.count("DATA") == 1
    assert len(mailbox.messages) == arrived
    assert outbox(mailing) == [("unknown", answer.message)]


@pytest.mark.parametrize("recipient", ["jürgen", "ann+homes"])
def test_unusual_addresses_are_written_to(
    mailing: Service, mailbox: Mailbox, recipient: str
) -> None:
    assert send(mailing, recipient).result["sent"] is True
    assert mailbox.log[0] == f"RCPT {recipient}@example.com"


# A process that died while it sent a report


def leave(service: Service, state: str, seconds_ago: float) -> None:
    """Leave the message as a process does that died in this state."""
    with service.app.app_context():
        moment = utc_now() - timedelta(seconds=seconds_ago)
        db.session.execute(update(OutboxMessage).values(Delivery=state, ClaimedAt=moment))
        db.session.commit()


def test_a_report_claimed_by_a_dead_process_is_sent(mailing: Service, mailbox: Mailbox) -> None:
    send(mailing, "refused")
    leave(mailing, "claimed", seconds_ago=60)
    assert send(mailing, "refused").code == "delivery_failed"
    assert mailbox.log.count("RCPT refused@example.com") == 2


def test_a_report_that_a_dead_process_may_have_sent_is_not_sent_again(
    mailing: Service, mailbox: Mailbox
) -> None:
    send(mailing, "ann")
    leave(mailing, "going", seconds_ago=60)
    assert send(mailing, "ann").code == "delivery_unknown"
    assert len(mailbox.messages) == 1
    with mailing.app.app_context():
        assert db.session.scalars(select(OutboxMessage.Delivery)).all() == ["unknown"]


def test_a_call_waits_while_another_process_sends_its_report(
    mailing: Service, mailbox: Mailbox
) -> None:
    send(mailing, "ann")
    leave(mailing, "going", seconds_ago=0)
    waiting = gevent.spawn(send, mailing, "ann")
    gevent.sleep(0.3)
    assert not waiting.ready()
    leave(mailing, "sent", seconds_ago=0)
    assert waiting.get(timeout=60).result["sent"] is True
    assert len(mailbox.messages) == 1

"""How many reports one person may write, and one address may get, within an hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import update

from tests.tool_services.support.services import Answer, Service
from tool_services.framework.timestamps import utc_now
from tool_services.listings.models import OutboxMessage, db

# On PostgreSQL as well.
pytestmark = pytest.mark.engines


@pytest.fixture
def limited(listings: Service) -> Service:
    """Three reports for a person, two for an address."""
    listings.restart(reports_per_sender=3, reports_per_recipient=2)
    return listings


def send(service: Service, to: str, user: str = "alice", key: str | None = None) -> Answer:
    arguments = {"listingIds": ["L001"], "recipientEmail": f"{to}@example.com"}
    return service.call("sendListingReport", arguments, user=user, key=key)


def change_all(service: Service, **values: Any) -> None:
    with service.app.app_context():
        db.session.execute(update(OutboxMessage).values(values))
        db.session.commit()


def test_a_person_writes_so_many_reports_an_hour_and_no_more(limited: Service) -> None:
    for to in ("ann", "ben", "cleo"):
        assert send(limited, to).status == 200
    refused = send(limited, "dora")
    assert (refused.status, refused.code) == (429, "too_many_reports")
    assert refused.message == (
        "You have written 3 reports within an hour, which is the limit. Nothing was sent."
        " Try again in 60 minutes."
    )
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert send(limited, "dora", user="bob").status == 200
    assert len(limited.get("/outbox").body["messages"]) == 3


def test_an_address_gets_so_many_reports_an_hour_whoever_writes(limited: Service) -> None:
    assert send(limited, "ann", "alice").status == 200
    assert send(limited, "ANN", "bob").status == 200
    refused = send(limited, "Ann", "charlie")
    assert (refused.status, refused.code) == (429, "too_many_reports")
    assert refused.message.startswith("Ann@example.com was written 2 reports within an hour")


def test_the_model_reads_the_limit_as_the_tools_error(limited: Service) -> None:
    for _ in range(2):
        send(limited, "ann")
    arguments = {"listingIds": ["L001"], "recipientEmail": "ann@example.com"}
    result = limited.mcp_result("sendListingReport", arguments)
    assert result["isError"]
    assert "which is the limit. Nothing was sent." in result["content"][0]["text"]


def test_a_repeated_call_counts_once_and_is_answered_at_the_limit(limited: Service) -> None:
    first = send(limited, "ann", key="call-1").result
    for _ in range(4):
        assert send(limited, "ann", key="call-1").result == first
    assert send(limited, "ann", key="call-2").status == 200
    assert send(limited, "ann", key="call-3").status == 429
    assert send(limited, "ann", key="call-1").result == first


def test_an_hour_later_there_is_room_again(limited: Service) -> None:
    for _ in range(2):
        send(limited, "ann")
    limited.restart()
    assert send(limited, "ann").status == 429
    change_all(limited, CreatedAt=utc_now() - timedelta(minutes=61))
    assert send(limited, "ann").status == 200


def test_a_report_that_failed_does_not_count(limited: Service) -> None:
    for _ in range(2):
        send(limited, "ann")
    change_all(limited, Delivery="failed")
    assert send(limited, "ann").status == 200


def test_processes_that_send_at_the_same_time_count_together(limited: Service) -> None:
    with limited.twin() as twin:
        calls = [
            gevent.spawn(send, service, to, key=f"{number}")
            for number, to in enumerate(("ann", "ben", "cleo", "dora", "emil"))
            for service in (limited, twin)
        ]
        gevent.joinall(calls, raise_error=True)
    answers: list[Any] = [call.value for call in calls]
    assert sorted(answer.status for answer in answers) == [200] * 6 + [429] * 4

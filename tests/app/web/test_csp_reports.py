"""Reports on what the content security policy blocked: read, bounded, logged without forgery."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from app.web.csp_reports import IN_ALL, MAX_BYTES, PER_ADDRESS
from tests.support.product import Person, Product

OLD = {
    "csp-report": {
        "document-uri": "http://127.0.0.1/conversations/1?draft=secret#x",
        "violated-directive": "img-src",
        "blocked-uri": "https://evil.example/a.png",
    }
}
NEW = [
    {
        "type": "csp-violation",
        "body": {
            "documentURL": "http://127.0.0.1/conversations/1?draft=secret",
            "effectiveDirective": "img-src",
            "blockedURL": "https://evil.example/a.png",
        },
    }
]
LINE = (
    "the content security policy blocked 'https://evil.example/a.png' "
    "on 'http://127.0.0.1/conversations/1', by 'img-src'"
)
TYPES = {"old": "application/csp-report", "new": "application/reports+json"}


def send(product: Product, report: Any, kind: str = TYPES["old"], **headers: str) -> int:
    body = report if isinstance(report, bytes) else json.dumps(report).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{product.url}/csp-reports"
    return requests.post(url, data=body, headers={"Content-Type": kind, **named}).status_code


def test_pages_tell_browsers_where_to_report(start: Callable[..., Product]) -> None:
    product = start(app_url="https://notes.example", allowed_hosts="127.0.0.1")
    headers = requests.get(f"{product.url}/auth/login").headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"report-uri /csp-reports", "report-to csp"} <= {*policy}
    assert headers["Reporting-Endpoints"] == 'csp="/csp-reports"'


def test_over_http_browsers_report_the_older_way(alice: Person) -> None:
    """Chromium would send nothing at all if it were told of the newer one."""
    headers = alice.get("/").headers
    assert "report-uri /csp-reports" in headers["Content-Security-Policy"].split("; ")
    assert "report-to" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize(("report", "kind"), [(OLD, TYPES["old"]), (NEW, TYPES["new"])])
def test_a_report_is_one_line_of_the_log_without_what_was_typed(
    product: Product, caplog: pytest.LogCaptureFixture, report: Any, kind: str
) -> None:
    assert send(product, report, kind, Origin=product.url) == 204
    assert caplog.messages == [LINE]


@pytest.mark.parametrize("text", ["x\nERROR forged", "x\r\n\r\n", "\u2028x", "\x1b[2J", "\u202ex"])
def test_a_report_cannot_forge_a_line_or_fill_the_log(
    product: Product, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    for value in (text, text * 100):
        send(product, {"csp-report": dict.fromkeys(OLD["csp-report"], value)})
    assert len(caplog.messages) == 2
    for message in caplog.messages:
        assert message.isprintable()
        assert len(message) < 1_300


@pytest.mark.shares_product
@pytest.mark.parametrize(
    "report",
    [
        *({}, [], 5, None, "x", [5], [[]], {"csp-report": 5}, [{"type": "csp-violation"}]),
        *([{"type": "deprecation", "body": NEW[0]["body"]}], [{"type": 5, "body": 5}]),
    ],
    ids=str,
)
def test_what_is_no_such_report_is_not_logged(
    product: Product, caplog: pytest.LogCaptureFixture, report: Any
) -> None:
    assert send(product, report) == 204
    assert caplog.messages == []


@pytest.mark.shares_product
@pytest.mark.parametrize("report", [b"", b"{", b"\xff", b"[" * 10_000, b'{"a": NaN}'])
def test_what_cannot_be_read_is_refused(
    product: Product, caplog: pytest.LogCaptureFixture, report: bytes
) -> None:
    assert send(product, report) == 400
    assert caplog.messages == []


def test_too_large_a_report_is_refused_however_it_is_sent(
    product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    body = b" " * MAX_BYTES + json.dumps(OLD).encode()
    assert send(product, body) == 413
    # Without a length that is known beforehand, no more than so much is read.
    in_chunks = requests.post(f"{product.url}/csp-reports", data=iter([body]))
    assert in_chunks.status_code == 400
    assert caplog.messages == []


def test_one_address_gets_few_lines_and_all_together_not_many(
    start: Callable[..., Product], caplog: pytest.LogCaptureFixture
) -> None:
    product = start(trusted_proxies=1)
    many = NEW * 50
    for _ in range(2):
        assert send(product, many, X_Forwarded_For="203.0.113.1") == 204
    assert len(caplog.messages) == PER_ADDRESS.amount
    # A household has 2**64 addresses.
    for last in range(3):
        assert send(product, many, X_Forwarded_For=f"2001:db8:1:2:{last}::1") == 204
    assert len(caplog.messages) == 2 * PER_ADDRESS.amount
    for last in range(20):
        assert send(product, many, X_Forwarded_For=f"203.0.113.{100 + last}") == 204
    assert len(caplog.messages) == IN_ALL.amount


def test_another_site_cannot_report(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    assert send(product, OLD, Origin="https://evil.example") == 403
    assert caplog.messages == []

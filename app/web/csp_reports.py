"""Reports of browsers on what the content security policy has blocked.

Anybody can send one, true or not. So the log gets little of each, few from one address, and nothing
that could pass for a line of its own. Addresses are logged without their query, which may hold what
a person typed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, cast

import limits
from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.errors import InputError
from app.json_input import parse_json
from app.web.security import REPORTS_PATH

bp = Blueprint("csp_reports", __name__)
log = logging.getLogger(__name__)

MAX_BYTES = 16_000
PER_ADDRESS = limits.parse("20 per minute")
IN_ALL = limits.parse("200 per minute")
_MAX_CHARS = 200
_LIMIT = "csp_report_limit"


def init_app(app: Flask) -> None:
    """Count this worker's reports, and register the endpoint."""
    app.extensions[_LIMIT] = FixedWindowRateLimiter(MemoryStorage())
    app.register_blueprint(bp)


@bp.post(REPORTS_PATH)
def take() -> ResponseReturnValue:
    """Log the reports, as far as the limits allow.

    Past the limits too the reply is 204: browsers send a report again that was refused.
    """
    request.max_content_length = MAX_BYTES
    for report in _read_reports(request.get_data(cache=False)):
        if not _count(_network(request.remote_addr or "")):
            break
        log.warning("the content security policy blocked %s on %s, by %s", *report)
    return "", 204


def _read_reports(body: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield what was blocked, on which page and by which rule. Raises InputError.

    Reads both forms: one report under the key `csp-report`, as `report-uri` gets it, and a list of
    reports of several types, as `report-to` gets it.
    """
    try:
        sent = parse_json(body)
    except ValueError:
        raise InputError("This is no report of a browser.", field="body", status=400) from None
    if isinstance(sent, dict):
        yield from _pick(
            sent.get("csp-report"), "blocked-uri", "document-uri", "violated-directive"
        )
        return
    for each in sent if isinstance(sent, list) else []:
        if isinstance(each, dict) and each.get("type") == "csp-violation":
            yield from _pick(each.get("body"), "blockedURL", "documentURL", "effectiveDirective")


def _pick(report: Any, *names: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(report, dict):
        blocked, page, rule = (_in_one_line(report.get(name)) for name in names)
        yield blocked, page, rule


def _in_one_line(value: Any) -> str:
    """Return the start of a text in quotes, with everything escaped that isn't printable."""
    text = value if isinstance(value, str) else ""
    return repr(text.partition("?")[0].partition("#")[0][:_MAX_CHARS])[: 2 * _MAX_CHARS]


def _count(network: str) -> bool:
    """Count a report, unless there have been too many: return whether it may be logged."""
    limiter = cast(FixedWindowRateLimiter, current_app.extensions[_LIMIT])
    # Addresses are stored only while there is room, so they can't fill the memory.
    return limiter.test(IN_ALL) and limiter.hit(PER_ADDRESS, network) and limiter.hit(IN_ALL)


def _network(address: str) -> str:
    """Return what stands for one sender: an IPv4 address, or the 64 bits that a household has."""
    try:
        return str(ip_network((address, 64 if ":" in address else 32), strict=False))
    except ValueError:
        return address

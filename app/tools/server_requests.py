"""Requests to servers within the time-out, repeated where that does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
import requests
from urllib3.exceptions import NewConnectionError

from app.errors import ToolFailure
from app.json_input import parse_json
from app.tools.registry import ToolRegistry
from app.tools.server import ToolServer

_REPEAT_SECONDS = 0.3

Answer = TypeVar("Answer")


def ask_in_time(
    registry: ToolRegistry, server: ToolServer, ask: Callable[[], Answer], *, repeat: bool = False
) -> Answer:
    """Return what `ask` returns, if that is within the time-out. With `repeat`, ask again when the
    connection breaks before there is an answer. Raises ToolFailure."""
    limit = registry.timeout
    started = time.monotonic()
    # requests' own time-out is for each read; a server that sends byte by byte needs one for all.
    timeout = gevent.Timeout.start_new(limit)
    try:
        return _ask_until_answered(ask) if repeat else ask()
    except gevent.Timeout as caught:
        if caught is not timeout:
            raise
        raise ToolFailure(f"{server.name} took over {limit:g} seconds.") from None
    except requests.Timeout:
        raise ToolFailure(f"{server.name} took over {limit:g} seconds.") from None
    except requests.RequestException as error:
        if time.monotonic() - started < limit:
            registry.mark_away(server.name, f"{server.name} can't be reached: {error}")
        raise ToolFailure(f"{server.name} can't be reached now.") from error
    finally:
        timeout.close()


def _ask_until_answered(ask: Callable[[], Answer]) -> Answer:
    """Ask until it is known what became of the request. A connection that breaks after the request
    was sent leaves that open; a refused one does not, unless an earlier request was sent."""
    sent = False
    while True:
        try:
            return ask()
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            sent = sent or not _was_refused(error)
            if not sent:
                raise
        gevent.sleep(_REPEAT_SECONDS)


def _was_refused(error: requests.RequestException) -> bool:
    """Whether there was no connection, so that nothing can have been done."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError)


def ask_service(
    registry: ToolRegistry,
    service: ToolServer,
    user_id: str,
    scope: str,
    method: str,
    path: str,
    body: Any = None,
) -> dict[str, Any]:
    """Ask one of our own services for a JSON object that MCP has no word for. Raises ToolFailure
    and requests' errors."""
    response = requests.request(
        method,
        service.url + path,
        json=body,
        headers=registry.headers(service, user_id, scope),
        timeout=registry.timeout,
        allow_redirects=False,
    )
    try:
        answer = parse_json(response.content)
    except ValueError:
        answer = None
    if not response.ok or not isinstance(answer, dict):
        raise ToolFailure(f"{service.name} answered {response.status_code}.")
    return answer

"""HTTP to the identity provider, within bounds: time, size, no redirects, JSON objects only."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import requests
from requests.adapters import HTTPAdapter

from app.json_input import parse_json

MAX_BYTES = 256 * 1024
_READ_BYTES = 8192


class BadAnswer(requests.RequestException):
    """The provider's answer is not read. The text says why."""


class BoundedAdapter(HTTPAdapter):
    """Sends requests whose answers are JSON objects of at most MAX_BYTES, within `timeout` seconds.

    Raises BadAnswer, and requests' errors.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        super().__init__()

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        # What is compressed says nothing of the size that it will have.
        request.headers["Accept-Encoding"] = "identity"
        options |= {"stream": True, "timeout": self._timeout}
        with super().send(request, *args, **options) as response:
            if response.is_redirect:
                raise BadAnswer("it redirects")
            return _whole(response)


@contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Bound all that is done within. Raises BadAnswer after so many seconds."""
    # The time-outs of a socket begin again with each byte.
    over = BadAnswer(f"it took more than {seconds:g} seconds")
    with gevent.Timeout(seconds, over):
        yield


def _whole(response: requests.Response) -> requests.Response:
    """Return the response with its whole body read and checked."""
    body = bytearray()
    for piece in response.iter_content(_READ_BYTES):
        body += piece
        if len(body) > MAX_BYTES:
            raise BadAnswer(f"it has more than {MAX_BYTES // 1024} KB")
    try:
        value = parse_json(bytes(body))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadAnswer(f"it is no JSON object (status {response.status_code})")
    read = requests.Response()
    read.status_code, read.headers = response.status_code, response.headers
    read.url, read.request, read.raw = response.url, response.request, io.BytesIO(body)
    return read

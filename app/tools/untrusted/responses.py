"""HTTP responses of servers, read within bounds: size, number of values, depth of nesting.

Reading lets others have a turn after every few kilobytes. A socket that always has something ready
would never do so by itself, whether that is a body, headers without end or one-byte chunks.
"""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from http.client import HTTPResponse
from typing import Any

import gevent
import httpx2
import requests
import urllib3
from requests.adapters import HTTPAdapter

from app.json_input import parse_json
from app.tools.untrusted.addresses import AddressRules
from app.tools.untrusted.limits import MAX_RESPONSE_BYTES, MAX_VALUES, READ_BYTES
from app.tools.untrusted.secret_texts import SecretTexts

EVENT_STREAM = "text/event-stream"
_LONG_WORK_SECONDS = 0.002


class OverLimit(Exception):
    """A response is more than is read. The text is the end of a sentence about it."""


class _BoundedStream(io.RawIOBase):
    """What a connection brings in the course of one response, up to the limit."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._left = MAX_RESPONSE_BYTES
        self._read_at = time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        worked = time.monotonic() - self._read_at
        # As long a pause as the work on the last piece took, if that was a while: one-byte chunks
        # take a thousand times as long as a plain body.
        gevent.sleep(worked if worked > _LONG_WORK_SECONDS else 0)
        count = self._raw.readinto(buffer)
        self._read_at = time.monotonic()
        self._left -= count or 0
        if self._left < 0:
            raise OverLimit(f"has more than {MAX_RESPONSE_BYTES // 1024**2} MB")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stream: io.BufferedReader = self.fp
        self.fp = io.BufferedReader(_BoundedStream(stream.detach()), READ_BYTES)


class _CheckedConnection(urllib3.connection.HTTPConnection):
    """A connection to an address that the rules allow, if there are any."""

    response_class = _BoundedResponse
    rules: AddressRules | None = None

    def _new_conn(self) -> socket.socket:
        if self.rules is None:
            return super()._new_conn()
        name = self._dns_host
        try:
            return self._connect_to_one_of(self._addresses(self.rules))
        finally:
            self._dns_host = name  # TLS asks for the certificate of the name

    def _addresses(self, rules: AddressRules) -> list[str]:
        try:
            return rules.find(self._dns_host, self.port)
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error

    def _connect_to_one_of(self, addresses: list[str]) -> socket.socket:
        *others, last = addresses
        for address in others:
            with suppress(urllib3.exceptions.NewConnectionError):
                return self._connect_to(address)
        return self._connect_to(last)

    def _connect_to(self, address: str) -> socket.socket:
        self._dns_host = address
        return super()._new_conn()


class _CheckedTlsConnection(_CheckedConnection, urllib3.connection.HTTPSConnection):
    pass


@lru_cache
def _pools(rules: AddressRules | None) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Return the classes of pools whose connections follow the rules, by scheme."""
    plain = type("Connection", (_CheckedConnection,), {"rules": rules})
    tls = type("TlsConnection", (_CheckedTlsConnection,), {"rules": rules})
    return {
        "http": type("Pool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, rules: AddressRules | None) -> None:
        self._pools = _pools(rules)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _session(rules: AddressRules | None) -> requests.Session:
    session = requests.Session()
    for scheme in ("http", "https"):
        session.mount(f"{scheme}://", _BoundedAdapter(rules))
    if rules is not None:
        # A proxy of the environment would look names up by itself, so that nothing is checked. The
        # environment's certificate authorities are wanted all the same.
        session.trust_env = False
        bundles = map(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
        session.verify = next(filter(None, bundles), True)
    return session


@contextmanager
def post(
    url: str,
    message: Any,
    headers: Mapping[str, str],
    timeout: float,
    rules: AddressRules | None = None,
) -> Iterator[requests.Response]:
    """Send a JSON message over a connection of its own. The response's body is yet to be read.

    `timeout` is for each read, in seconds. `rules` say which addresses the URL may have. Raises
    requests' errors, OverLimit, and ToolFailure for an address that is not allowed.
    """
    with (
        _session(rules) as session,
        session.post(
            url,
            json=message,
            # What is compressed says nothing of the size that it will have.
            headers={"Accept-Encoding": "identity", **headers},
            timeout=timeout,
            # A redirect would carry the token to wherever the server says.
            allow_redirects=False,
            stream=True,
        ) as response,
    ):
        yield response


def read_documents(response: requests.Response, secrets: SecretTexts) -> Iterator[Any]:
    """The JSON documents of a response: its body, or the data of each event of an event stream.

    Secrets that the server repeats are hidden. Raises ValueError for what is no JSON, requests'
    errors, and OverLimit.
    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise OverLimit("is compressed, which nobody asked for")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != EVENT_STREAM:
        yield _parse(b"".join(_pieces(response)), secrets)
        return
    # Pieces as they come: the server may wait for an answer before it sends more.
    events = httpx2.Response(
        200,
        headers={"Content-Type": EVENT_STREAM},
        content=_pieces(response, as_they_come=True),
        request=httpx2.Request("POST", response.url),
    )
    for event in httpx2.EventSource(events, MAX_RESPONSE_BYTES):
        if event.data:
            yield _parse(event.data.encode(), secrets)


def _pieces(response: requests.Response, *, as_they_come: bool = False) -> Iterator[bytes]:
    read = response.raw.read1 if as_they_come else response.raw.read
    try:
        while piece := read(READ_BYTES, decode_content=False):
            yield piece
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def _parse(document: bytes, secrets: SecretTexts) -> Any:
    # Every value but the first of a list or an object has a comma before it.
    if sum(map(document.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise OverLimit(f"has more than {MAX_VALUES} values")
    value = parse_json(document)
    return secrets.hide_in(value) if secrets.may_be_in(document) else value


def one_line(text: object, most: int = 500) -> str:
    """A text for a log line or a short sentence: no line breaks or control characters, and cut."""
    return "".join(char if char.isprintable() else " " for char in str(text)[:most])

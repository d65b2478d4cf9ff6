"""HTTP to a model's endpoint for many streams at once: beneath the openai client, in the place of
its own transport, which spends more on a token than all the rest of this program.

geventhttpclient has the connections (kept alive, TLS, time-outs) and the parser in C. What is ours
is how an answer is read: whatever has arrived, in one piece.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

import httpx2
from gevent import socket
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPResponse

CONNECT_SECONDS = 10.0
_MOST_CONNECTIONS = 100_000  # what bounds them is how many answers may be written at once
_ADDRESS_SECONDS = 30.0
_BLOCK = 65_536
ARRIVALS = "arrivals"
"""The extension of a response that has its body as it arrives, past the client's own layers, which
keep each piece until the next one comes. Only where nothing has to be decoded."""


class _Remembering(ConnectionPool):
    """Asks anew for a host's addresses only after a while, or when connecting has failed. It is a
    thread that asks, which a busy process lets wait."""

    _addresses: Any = None
    _until = 0.0

    def _resolve(self) -> Any:
        if time.monotonic() >= self._until:
            self._addresses = super()._resolve()
            self._until = time.monotonic() + _ADDRESS_SECONDS
        return self._addresses

    def _create_socket(self) -> socket.socket:
        try:
            return super()._create_socket()
        except BaseException:
            self._until = 0.0
            raise


class _RememberingTls(_Remembering, SSLConnectionPool):
    pass


class _Message(HTTPResponse):
    """A response being parsed."""

    def __init__(self) -> None:
        super().__init__("POST")
        self._arrived: list[bytes] = []

    def _on_body(self, buf: bytearray) -> None:
        self._arrived.append(bytes(buf))

    def take(self) -> bytes:
        """What of its body has arrived since the last time."""
        arrived, self._arrived = b"".join(self._arrived), []
        return arrived

    @property
    def has_body(self) -> bool:
        return bool(self._arrived)

    @property
    def has_head(self) -> bool:
        return self.headers_complete and self.get_code() >= 200


class _Body(httpx2.SyncByteStream):
    """A response's body; its connection is kept for another request once all of it was read."""

    def __init__(self, message: _Message, sock: socket.socket, pool: ConnectionPool) -> None:
        self._message = message
        self._sock: socket.socket | None = sock
        self._pool = pool

    def __iter__(self) -> Iterator[bytes]:
        # No name is given to what has arrived: it would be kept until more is asked for.
        while self._more():
            yield self._message.take()

    def _more(self) -> bool:
        while not self._message.has_body:
            if self._message.message_complete or self._sock is None:
                return False
            _read(self._message, self._sock)
        return True

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is None:
            return
        if self._message.should_close():
            self._pool.release_socket(sock)
        else:
            self._pool.return_socket(sock)


class ArrivalTransport(httpx2.BaseTransport):
    """Sends a request, and gives its response's body as it arrives. Raises httpx2's errors."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str, int | None], ConnectionPool] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        pool = self._pool(request.url)
        sock = _connection(pool)
        try:
            sock.settimeout(request.extensions.get("timeout", {}).get("read"))
            _send(sock, request)
            message = _Message()
            while not message.has_head:
                _read(message, sock)
        except BaseException:
            pool.release_socket(sock)
            raise
        body = _Body(message, sock, pool)
        response = httpx2.Response(message.status_code, headers=list(message.items()), stream=body)
        if "content-encoding" not in response.headers:
            response.extensions[ARRIVALS] = body
        return response

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: httpx2.URL) -> ConnectionPool:
        port = url.port or (443 if url.scheme == "https" else 80)
        key = (url.scheme, url.host, port)
        if key not in self._pools:
            kind = _RememberingTls if url.scheme == "https" else _Remembering
            self._pools[key] = kind(
                url.host,
                port,
                url.host,
                port,
                size=_MOST_CONNECTIONS,
                connection_timeout=CONNECT_SECONDS,
            )
        return self._pools[key]


def _connection(pool: ConnectionPool) -> socket.socket:
    try:
        return pool.get_socket()
    except TimeoutError as error:
        raise httpx2.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpx2.ConnectError(str(error)) from error


def _send(sock: socket.socket, request: httpx2.Request) -> None:
    head = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    head += [b"%s: %s" % field for field in request.headers.raw]
    try:
        sock.sendall(b"\r\n".join(head) + b"\r\n\r\n" + request.read())
    except TimeoutError as error:
        raise httpx2.WriteTimeout(str(error)) from error
    except OSError as error:
        raise httpx2.WriteError(str(error)) from error


def _read(message: _Message, sock: socket.socket) -> None:
    """Wait for something, and parse all that is there."""
    try:
        arrived = sock.recv(_BLOCK)
        message.feed(arrived)
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except OSError as error:
        raise httpx2.ReadError(str(error)) from error
    except HTTPException as error:
        raise httpx2.RemoteProtocolError(str(error)) from error
    if not arrived and not message.message_complete:
        raise httpx2.RemoteProtocolError("the connection was closed in mid-answer")

"""The openai client's way to the network: HTTP/1.1 on gevent's sockets, many streams at once.

The client's own transport spends more on a token than the rest of this program. geventhttpclient
keeps the connections (kept alive, TLS, time-outs) and parses responses in C. What is ours is that
a body is read as it arrives: all that is there, in one piece.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPException
from typing import Any

import httpx2
from gevent import socket
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPResponse

CONNECT_SECONDS = 10.0
_MOST_CONNECTIONS = 100_000  # no limit: MAX_RUNS_PER_WORKER is one
_ADDRESS_SECONDS = 30.0
_BLOCK = 65_536
_LONGEST_HEAD = 65_536


class _CachingPool(ConnectionPool):
    """Looks a host's addresses up every 30 seconds, and after a failure to connect.

    Looking up takes a thread, which a busy process keeps waiting.
    """

    _addresses: Any = None
    _fresh_until = 0.0

    def _resolve(self) -> Any:
        if time.monotonic() >= self._fresh_until:
            self._addresses = super()._resolve()
            self._fresh_until = time.monotonic() + _ADDRESS_SECONDS
        return self._addresses

    def _create_socket(self) -> socket.socket:
        try:
            return super()._create_socket()
        except BaseException:
            self._fresh_until = 0.0
            raise


class _CachingTlsPool(_CachingPool, SSLConnectionPool):
    pass


class _Parser(HTTPResponse):
    """Parses one response; collects its body until it is taken."""

    def __init__(self) -> None:
        super().__init__("POST")
        self._body: list[bytes] = []
        self._bytes_without_body = 0

    def _on_body(self, buf: bytearray) -> None:
        self._body.append(bytes(buf))

    def read_from(self, sock: socket.socket) -> None:
        """Wait until something arrives, and parse it. Raises httpx2's errors."""
        try:
            arrived = sock.recv(_BLOCK)
            self.feed(arrived)
        except TimeoutError as error:
            raise httpx2.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpx2.ReadError(str(error)) from error
        except HTTPException as error:
            raise httpx2.RemoteProtocolError(str(error)) from error
        if not arrived and not self.message_complete:
            raise httpx2.RemoteProtocolError("the connection was closed in the midst of an answer")
        self._bytes_without_body = 0 if self._body else self._bytes_without_body + len(arrived)
        if self._bytes_without_body > _LONGEST_HEAD:
            raise httpx2.RemoteProtocolError(f"the headers are longer than {_LONGEST_HEAD} bytes")

    def take_body(self) -> bytes:
        """Return what of the body has arrived since the last call."""
        body, self._body = b"".join(self._body), []
        return body

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as they came: as text they would have to be ASCII."""
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.items()]

    @property
    def has_body(self) -> bool:
        return bool(self._body)

    @property
    def has_head(self) -> bool:
        return self.headers_complete and self.get_code() >= 200


class _Body(httpx2.SyncByteStream):
    """A response's body. Its connection is kept for another request once all of it has arrived."""

    def __init__(self, parser: _Parser, sock: socket.socket, pool: ConnectionPool) -> None:
        self._parser = parser
        self._sock: socket.socket | None = sock
        self._pool = pool

    def __iter__(self) -> Iterator[bytes]:
        # Without a name for the piece, which would be kept until the next one comes.
        while self._wait_for_more():
            yield self._parser.take_body()

    def _wait_for_more(self) -> bool:
        while not self._parser.has_body:
            if self._parser.message_complete or self._sock is None:
                return False
            self._parser.read_from(self._sock)
        return True

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is None:
            return
        if self._parser.should_close():
            self._pool.release_socket(sock)
        else:
            self._pool.return_socket(sock)


class GeventTransport(httpx2.BaseTransport):
    """Sends requests; over https only to servers whose certificate `trusted` accepts. Raises
    httpx2's errors."""

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._trusted = trusted
        self._pools: dict[tuple[str, str, int], ConnectionPool] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        pool = self._pool(request.url)
        sock = _connect(pool)
        try:
            sock.settimeout(request.extensions.get("timeout", {}).get("read"))
            _send(sock, request)
            parser = _Parser()
            while not parser.has_head:
                parser.read_from(sock)
        except BaseException:
            pool.release_socket(sock)
            raise
        body = _Body(parser, sock, pool)
        return httpx2.Response(parser.status_code, headers=parser.raw_headers, stream=body)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: httpx2.URL) -> ConnectionPool:
        port = url.port or (443 if url.scheme == "https" else 80)
        key = (url.scheme, url.host, port)
        if key not in self._pools:
            kind: Callable[..., ConnectionPool] = _CachingPool
            if url.scheme == "https":
                kind = partial(_CachingTlsPool, ssl_context_factory=lambda **_: self._trusted)
            self._pools[key] = kind(
                url.host,
                port,
                url.host,
                port,
                size=_MOST_CONNECTIONS,
                connection_timeout=CONNECT_SECONDS,
            )
        return self._pools[key]


def _connect(pool: ConnectionPool) -> socket.socket:
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

"""Connections to a model's endpoint."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import httpx2
import pytest
from cryptography import x509
from gevent import socket
from gevent.server import StreamServer

from app.llm.http_transport import GeventTransport
from scripts.ports import free_port
from tests.support.certificates import write_certificate
from tests.support.scripted_model import ScriptedModel

Address = tuple[str, int]


class CountingResolver:
    """A resolver that counts how often it was asked."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self.asked = 0

    def getaddrinfo(self, *arguments: Any, **options: Any) -> Any:
        self.asked += 1
        return self._resolver.getaddrinfo(*arguments, **options)


@pytest.fixture
def resolver() -> Iterator[CountingResolver]:
    hub = gevent.get_hub()
    own = hub.resolver
    counting = CountingResolver(own)
    hub.resolver = counting  # type: ignore[assignment]
    yield counting
    hub.resolver = own


@pytest.fixture
def transport() -> Iterator[GeventTransport]:
    with GeventTransport(ssl.create_default_context()) as opened:
        yield opened


def ask(
    transport: GeventTransport, port: int | None, origin: str = "http://localhost"
) -> httpx2.Response:
    body = b'{"model": "first", "messages": [], "stream": true}'
    url = f"{origin}:{port}/v1/chat/completions"
    return transport.handle_request(httpx2.Request("POST", url, content=body))


def test_a_hosts_addresses_are_looked_up_once_in_a_while(
    model: ScriptedModel, resolver: CountingResolver, transport: GeventTransport
) -> None:
    port = httpx2.URL(model.base_url).port
    responses = [ask(transport, port) for _ in range(3)]
    assert resolver.asked == 1
    for response in responses:
        response.close()


def test_addresses_are_looked_up_again_after_a_failure_to_connect(
    resolver: CountingResolver, transport: GeventTransport
) -> None:
    port = free_port()
    for tries in (1, 2):
        with pytest.raises(httpx2.ConnectError):
            ask(transport, port)
        assert resolver.asked == tries


class KeepAliveServer:
    """Answers every request on a connection, and counts connections. It sends two bytes of `length`
    that it promises."""

    def __init__(self) -> None:
        self.length = 2
        self.connections = 0
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.port = int(self._server.server_port or 0)
        self.close = self._server.stop

    def _serve(self, sock: socket.socket, _address: Address) -> None:
        self.connections += 1
        while sock.recv(65_536):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nok" % self.length)


@pytest.fixture
def server() -> Iterator[KeepAliveServer]:
    started = KeepAliveServer()
    yield started
    started.close()


def test_a_connection_whose_response_was_read_to_its_end_is_used_again(
    server: KeepAliveServer, transport: GeventTransport
) -> None:
    for _ in range(3):
        assert ask(transport, server.port).read() == b"ok"
    assert server.connections == 1


def test_a_connection_whose_response_was_not_read_to_its_end_is_closed(
    server: KeepAliveServer, transport: GeventTransport
) -> None:
    server.length = 3
    ask(transport, server.port).close()
    server.length = 2
    assert ask(transport, server.port).read() == b"ok"
    assert server.connections == 2


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost; its key is beside it."""
    file = tmp_path / "localhost.pem"
    write_certificate(file, file.with_suffix(".key"), [x509.DNSName("localhost")])
    return file


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    """A port where every request over TLS is answered."""

    def serve(sock: socket.socket, _address: Address) -> None:
        with suppress(OSError):
            while sock.recv(65_536):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server = StreamServer(("127.0.0.1", 0), serve, ssl_context=own)
    server.start()
    yield int(server.server_port or 0)
    server.stop()


def test_a_certificate_that_is_trusted_is_accepted(tls_port: int, certificate: Path) -> None:
    with GeventTransport(ssl.create_default_context(cafile=certificate)) as transport:
        assert ask(transport, tls_port, "https://localhost").read() == b"ok"


@pytest.mark.parametrize(
    ("origin", "trusts_it"), [("https://localhost", False), ("https://127.0.0.1", True)]
)
def test_no_request_reaches_a_server_that_is_not_trusted_or_has_another_name(
    tls_port: int, certificate: Path, origin: str, trusts_it: bool
) -> None:
    trusted = ssl.create_default_context(cafile=certificate if trusts_it else None)
    with GeventTransport(trusted) as transport, pytest.raises(httpx2.ConnectError, match="CERT"):
        ask(transport, tls_port, origin)

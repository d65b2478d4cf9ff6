"""Connections to a model's endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import httpx2
import pytest

from app.llm.http_transport import GeventTransport
from scripts.ports import free_port
from tests.support.scripted_model import ScriptedModel


class Counting:
    """The resolver, and how often it was asked."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self.asked = 0

    def getaddrinfo(self, *arguments: Any, **options: Any) -> Any:
        self.asked += 1
        return self._resolver.getaddrinfo(*arguments, **options)


@pytest.fixture
def resolver() -> Iterator[Counting]:
    hub = gevent.get_hub()
    own, hub.resolver = hub.resolver, Counting(hub.resolver)
    yield hub.resolver
    hub.resolver = own


def opened(transport: GeventTransport, port: int) -> httpx2.Response:
    body = b'{"model": "first", "messages": [], "stream": true}'
    url = f"http://localhost:{port}/v1/chat/completions"
    return transport.handle_request(httpx2.Request("POST", url, content=body))


def test_a_hosts_addresses_are_asked_for_once_in_a_while(
    model: ScriptedModel, resolver: Counting
) -> None:
    transport = GeventTransport()
    port = httpx2.URL(model.base_url).port
    assert port
    responses = [opened(transport, port) for _ in range(3)]
    assert resolver.asked == 1
    for response in responses:
        response.close()
    transport.close()


def test_they_are_asked_for_anew_when_nothing_answers_there(
    resolver: Counting,
) -> None:
    transport, port = GeventTransport(), free_port()
    for tries in (1, 2):
        with pytest.raises(httpx2.ConnectError):
            opened(transport, port)
        assert resolver.asked == tries

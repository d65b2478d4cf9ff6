"""The service that this process runs, for its tools and endpoints: settings, tokens, peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from flask import Flask, current_app, request
from flask_sqlalchemy import SQLAlchemy

from tool_services.framework.peer import PeerClient
from tool_services.framework.scopes import CALL_SCOPE, read_scope
from tool_services.framework.service import Service, url_of
from tool_services.framework.service_client import ServiceClient
from tool_services.framework.tokens import Caller, TokenVerifier

_EXTENSION = "tool_service"
# The share of a tool call's time that asking another service may take.
PEER_TIMEOUT_SHARE = 0.6


@dataclass(frozen=True)
class Running:
    """A service with its settings. `client` is there if it asks others."""

    service: Service
    settings: Any
    verifier: TokenVerifier
    client: ServiceClient | None
    peers: Mapping[str, PeerClient]

    @property
    def database(self) -> SQLAlchemy:
        found: SQLAlchemy = self.service.load(self.service.database)
        return found

    @classmethod
    def of(cls, service: Service, settings: Any) -> Self:
        url = service.url_in(settings)
        verifier = TokenVerifier.for_service(settings, url)
        if not service.calls:
            return cls(service, settings, verifier, None, {})
        client = ServiceClient.load(service.name, url, settings.app_url, settings.instance_dir)
        seconds = settings.tool_timeout * PEER_TIMEOUT_SHARE
        peers = {
            name: PeerClient(
                *(name, url_of(name, settings), settings.token_url, seconds, client),
                scopes=(read_scope(name),),
            )
            for name in service.calls
        }
        return cls(service, settings, verifier, client, peers)

    def attach(self, app: Flask) -> None:
        app.extensions[_EXTENSION] = self


def running() -> Running:
    """Return the service that answers the current request."""
    found: Running = current_app.extensions[_EXTENSION]
    return found


def peer(name: str) -> PeerClient:
    """Return the client of a service that the current one names in `calls`."""
    return running().peers[name]


def verify_caller(*scopes: str) -> Caller:
    """Return whose token the current request carries. Raises what TokenVerifier.verify raises.

    The token must grant at least one of the scopes.
    """
    return running().verifier.verify(request.headers.get("Authorization"), *scopes)


def verify_reader() -> Caller:
    """Return whose token the current request carries, if it lets its holder read here.

    For endpoints that other services ask. Raises what TokenVerifier raises.
    """
    caller = verify_caller(CALL_SCOPE)
    running().verifier.require_tool_scope(caller, read_scope(running().service.name))
    return caller

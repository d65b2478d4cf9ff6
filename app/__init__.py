"""Homestream: a streaming AI agent that people can trust."""

from __future__ import annotations

import json
import ssl
from functools import cache
from typing import Any

import httpx2
import openai
from flask import Flask
from redis import Redis
from werkzeug.middleware.proxy_fix import ProxyFix

from app.auth import sessions
from app.auth.tool_tokens import TokenIssuer
from app.config import Settings, load_settings
from app.db.connection import engine_options, parse_url
from app.db.models import db, migrate, new_id
from app.greenlets import run_in_greenlet
from app.llm.batching import BatchInterval
from app.llm.http_transport import ArrivalTransport
from app.llm.openai_chat import Model
from app.runs.connections import Connections
from app.runs.event_log import EventLog, MemoryLog
from app.runs.leases import Leases
from app.runs.producer import Producer
from app.runs.redis_connections import RedisConnections
from app.runs.redis_event_log import RedisLog, connect
from app.runs.service import Runs
from app.runs.subscription import Subscriptions
from app.runs.supervisor import Supervisor
from app.services import Services
from app.tools.registry import ToolRegistry
from app.web import (
    api,
    approvals,
    auth,
    conversations,
    errors,
    health,
    oauth,
    runs,
    security,
    streaming_check,
    tool_output,
    tools,
)


def create_app(config: Settings | None = None) -> Flask:
    """The web app, wired. Raises SettingsError with a sentence for each bad setting."""
    settings = config or load_settings()
    database = parse_url(settings.database_url)
    redis = connect(settings.redis_url) if settings.redis_url else None
    app = Flask(__name__, instance_path=str(settings.instance_dir))
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value() if settings.secret_key else None,
        SQLALCHEMY_DATABASE_URI=database,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(database, settings.database_connections),
        MAX_CONTENT_LENGTH=1_000_000,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        SIGN_IN_LIMIT=settings.sign_in_limit,
        # A reader who misses two pings has lost the connection.
        STREAM_SILENCE=2 * settings.ping_interval,
        RATELIMIT_STORAGE_URI=settings.redis_url or "memory://",
        RATELIMIT_STORAGE_OPTIONS={"connection_pool": redis.connection_pool} if redis else {},
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=redis is not None,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["pretty"] = _pretty
    app.jinja_env.globals["new_id"] = new_id
    db.init_app(app)
    migrate.init_app(app, db, render_as_batch=True)
    security.init_app(app, secure=settings.secure)
    sessions.init_app(
        app,
        access_minutes=settings.access_token_minutes,
        refresh_days=settings.refresh_token_days,
        secure=settings.secure,
    )
    errors.init_app(app)
    auth.init_app(app)
    approvals.init_app(app)
    for room in (conversations, runs, tools, tool_output, api, health, streaming_check, oauth):
        app.register_blueprint(room.bp)
    app.extensions["services"] = _services(app, settings, redis)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops)  # type: ignore[method-assign]
    app.wsgi_app = _apart(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _apart(serve: Any) -> Any:
    """The WSGI application, of whose work nothing weighs on the stream that comes of it."""
    return lambda environ, start_response: run_in_greenlet(serve, environ, start_response)


def _services(app: Flask, settings: Settings, redis: Redis | None) -> Services:
    assert settings.signing_key_file is not None  # noqa: S101 - what Settings has seen to
    issuer = TokenIssuer(
        settings.signing_key_file,
        settings.app_url,
        settings.tool_services,
        settings.tool_exchanges,
    )
    registry = ToolRegistry.of(
        settings.tool_services,
        settings.mcp_servers,
        issuer.mint,
        timeout=settings.tool_timeout,
        check_interval=settings.service_check_interval,
    )
    log: EventLog = MemoryLog()
    shared = None
    if redis is not None:
        log = RedisLog(settings.redis_url, redis, max_entries=settings.most_events)
        shared = RedisConnections(redis, lambda: log.up)
    connections = Connections(settings.max_streams, settings.max_streams_per_user, shared)
    limits = (settings.max_runs, settings.max_runs_per_user)
    leases = Leases(app, settings.lease_seconds, *limits)
    producer = Producer(app, settings, log, _model(settings), registry, leases)
    supervisor = Supervisor(app, settings, connections, producer, leases)
    return Services(
        settings=settings,
        log=log,
        connections=connections,
        producer=producer,
        supervisor=supervisor,
        runs=Runs(settings, log, producer, supervisor, leases),
        registry=registry,
        issuer=issuer,
        subscriptions=Subscriptions(app, log, connections, settings.ping_interval),
    )


def _model(settings: Settings) -> Model:
    client = openai.OpenAI(
        base_url=settings.model_base_url,
        # Many local endpoints need no key, but the client insists on a value.
        api_key=settings.openai_api_key.get_secret_value() or "none",
        max_retries=0,
        # Where the environment names a proxy, the client's own transport goes by it.
        http_client=openai.DefaultHttpxClient(
            mounts={"all://": ArrivalTransport()}, verify=_authorities()
        ),
    )
    return Model(
        client,
        settings.models,
        pace=BatchInterval(settings.flush_interval, settings.longest_flush_interval),
        first_token_timeout=settings.first_token_timeout,
        attempts=settings.model_attempts,
    )


@cache
def _authorities() -> ssl.SSLContext:
    """Who is trusted, read once in a process: that takes longer than all else of an app."""
    return httpx2.create_ssl_context()


def _pretty(value: Any, indent: int | None = 2) -> str:
    """JSON for people to read, in Jinja's hands to escape."""
    return json.dumps(value, ensure_ascii=False, indent=indent or None)

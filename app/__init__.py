"""Homestream: a streaming AI agent that people can trust."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask
from redis import Redis
from werkzeug.middleware.proxy_fix import ProxyFix

from app.auth import sessions
from app.auth.sign_in_limit import SignInLimit
from app.auth.tool_tokens import TokenIssuer
from app.config import Settings, load_settings
from app.db import connection
from app.db.models import new_id
from app.greenlets import run_in_greenlet
from app.llm.batching import BatchInterval
from app.llm.endpoint import Endpoint
from app.llm.model import Model
from app.llm.reply_limits import ReplyLimits
from app.runs.connections import Connections, RedisStreams
from app.runs.event_log import EventLog, MemoryLog
from app.runs.leases import Leases
from app.runs.redis_event_log import RedisLog, connect
from app.runs.service import Runs
from app.runs.subscription import Subscriptions
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
    run_events,
    runs,
    security,
    streaming_check,
    tool_output,
    tools,
)


def create_app(config: Settings | None = None) -> Flask:
    """The web app, wired. Raises SettingsError with a sentence for each bad setting."""
    settings = config or load_settings()
    redis = connect(settings.redis_url) if settings.redis_url else None
    app = Flask(__name__, instance_path=str(settings.instance_dir))
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=1_000_000,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        # A reader who misses two pings has lost the connection.
        STREAM_SILENCE=2 * settings.ping_interval,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["pretty"] = _pretty
    app.jinja_env.globals["new_id"] = new_id
    connection.init_app(app, settings.database_url, settings.database_connections)
    security.init_app(app, secure=settings.secure)
    sessions.init_app(
        app,
        access_minutes=settings.access_token_minutes,
        refresh_days=settings.refresh_token_days,
        secure=settings.secure,
    )
    errors.init_app(app)
    auth.init_app(app, SignInLimit(settings.sign_in_limit, redis))
    approvals.init_app(app)
    for module in (
        *(conversations, runs, run_events, tools, tool_output),
        *(api, health, streaming_check, oauth),
    ):
        app.register_blueprint(module.bp)
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
    streams = None
    if redis is not None:
        log = RedisLog(settings.redis_url, redis, most=settings.most_events)
        streams = RedisStreams(redis, lambda: log.up)
    connections = Connections(settings.max_streams, settings.max_streams_per_user, streams)
    leases = Leases(app, settings.lease_seconds)
    runs = Runs(app, settings, log, connections, _model(settings), registry, leases)
    following = Subscriptions(app, log, connections, settings.ping_interval)
    return Services(settings, log, connections, runs, registry, issuer, following)


def _model(settings: Settings) -> Model:
    return Model(
        Endpoint(settings.model_base_url, settings.openai_api_key.get_secret_value()),
        settings.models,
        interval=BatchInterval(settings.flush_interval, settings.longest_flush_interval),
        limits=ReplyLimits(settings.max_answer_chars, settings.max_event_bytes),
        first_token_timeout=settings.first_token_timeout,
        attempts=settings.model_attempts,
    )


def _pretty(value: Any, indent: int | None = 2) -> str:
    """JSON for people to read, in Jinja's hands to escape."""
    return json.dumps(value, ensure_ascii=False, indent=indent or None)

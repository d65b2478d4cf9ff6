"""What the web app is made of, and how its parts get each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.auth import passkeys as site_passkeys
from app.auth import sealing, security_log, sessions
from app.auth.rate_limits import RateLimits
from app.auth.service_clients import ServiceClients
from app.auth.tool_tokens import TokenIssuer
from app.config import Settings, load_settings
from app.conversations.file_storage import BucketStorage, DatabaseStorage, FileStorage
from app.db import connection
from app.greenlets import respond_in_greenlet
from app.lifecycle import Services
from app.llm.model_client import ModelClient
from app.llm.prices import Prices
from app.mail import queue
from app.rendering import templates
from app.runs.ask_retry_stop import Runs
from app.runs.connections import Connections
from app.runs.event_log import EventLog, MemoryLog
from app.runs.leases import Leases
from app.runs.producer import Producer
from app.runs.question_queue import QuestionQueue
from app.runs.run_starter import RunStarter
from app.runs.subscription import Subscriptions
from app.runs.supervisor import Supervisor
from app.runs.titles import TitleWriter
from app.tools.registry import ToolRegistry
from app.web import (
    account,
    account_limits,
    api,
    approvals,
    auth,
    branches,
    brand,
    conversation_changes,
    conversations,
    csp_reports,
    email_addresses,
    error_responses,
    external_links,
    files,
    health,
    identities,
    invitations,
    looks,
    mailbox,
    messages,
    oauth,
    oidc,
    pages,
    passkey_challenges,
    passkey_log_in,
    passkeys,
    password_reset,
    people,
    questions,
    queued_questions,
    ratings,
    run_events,
    runs,
    second_factors,
    second_step,
    security,
    shortcuts,
    signing_in,
    static_files,
    streaming_check,
    tool_output,
    tools,
    user_sessions,
)

if TYPE_CHECKING:
    from redis import Redis

    from app.runs.connections import SharedConnections


def wire(config: Settings | None = None) -> Flask:
    """Wire the web app. Raises SettingsError with a sentence for each bad setting."""
    settings = config or load_settings()
    redis = _connect_redis(settings.redis_url) if settings.redis_url else None
    app = Flask("app", static_folder=None, instance_path=str(settings.instance_dir))
    app.config.update(
        APP_NAME=settings.app_name or settings.brand.name,
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=settings.max_request_bytes,
        REQUIRE_SECOND_FACTOR_FOR_ADMINS=settings.require_second_factor_for_admins,
        REQUIRE_VERIFIED_EMAIL=settings.require_verified_email,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        # Seconds: a reader that misses two pings has lost its connection.
        STREAM_SILENCE=2 * settings.ping_interval,
    )
    connection.init_app(app, settings.database_url, settings.database_connections)
    prices = Prices.from_settings(settings)
    security.init_app(app, secure=settings.secure, hosts=settings.known_hosts)
    sessions.init_app(
        app,
        access_minutes=settings.access_token_minutes,
        refresh_days=settings.refresh_token_days,
        session_days=settings.session_days,
        secure=settings.secure,
    )
    static_files.init_app(app)
    looks.init_app(app)
    pages.init_app(app)
    error_responses.init_app(app)
    queue.init_app(app, settings.mail_server, settings.app_url)
    security_log.init_app(app, settings.security_log_days)
    counters = RateLimits(redis)
    account_limits.init_app(app, settings, counters)
    sealing.init_app(app)
    site_passkeys.init_app(app, settings.app_url)
    signing_in.init_app(app, secure=settings.secure)
    passkey_challenges.init_app(app, secure=settings.secure)
    csp_reports.init_app(app)
    oidc.init_app(app, settings)
    _register_pages(app)
    app.extensions["services"] = made = _services(app, settings, redis, counters, prices)
    templates.init_app(app, settings, prices, made.registry)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops)  # type: ignore[method-assign]
    app.wsgi_app = respond_in_greenlet(app.wsgi_app)  # type: ignore[assignment, method-assign]
    return app


def _register_pages(app: Flask) -> None:
    """Register the URLs of pages, fragments, streams and the API."""
    for module in (
        *(conversations, conversation_changes, questions, queued_questions),
        *(messages, branches, runs, run_events, ratings),
        *(approvals, tools, tool_output, files),
        *(auth, account, user_sessions, oidc, identities, people),
        *(password_reset, email_addresses, mailbox, invitations),
        *(second_step, second_factors, passkeys, passkey_log_in),
        *(api, health, streaming_check, oauth, external_links, brand, shortcuts),
    ):
        app.register_blueprint(module.bp)


def _services(
    app: Flask, settings: Settings, redis: Redis | None, counters: RateLimits, prices: Prices
) -> Services:
    """Wire what serves runs, beside the pages."""
    issuer = TokenIssuer(
        settings.signing_key_file,
        settings.app_url,
        settings.tool_services,
        settings.tool_exchanges,
    )
    registry = ToolRegistry.create(
        settings.tool_services,
        settings.mcp_servers,
        issuer.mint,
        timeout=settings.tool_timeout,
        check_interval=settings.service_check_interval,
        own_port=settings.web_port,
        allow_private=settings.mcp_allow_private,
    )
    log, shared = _shared_by_workers(settings, redis)
    connections = Connections(settings.max_streams, settings.max_streams_per_user, shared)
    limits = (settings.max_runs, settings.max_runs_per_user)
    leases = Leases(app, settings.lease_seconds, *limits)
    model = ModelClient.from_settings(settings)
    titles = TitleWriter(app, model) if settings.writes_titles else None
    models = model.choices(settings)
    storage = _file_storage(settings)
    producer = Producer(app, settings, log, model, registry, leases, storage, titles, models)
    starter = RunStarter(settings, producer, leases, counters)
    questions = QuestionQueue(app, settings, log, producer, starter)
    producer.after_end = questions.ask_next
    supervisor = Supervisor(app, settings, connections, producer, leases, questions)
    return Services(
        settings=settings,
        log=log,
        connections=connections,
        producer=producer,
        supervisor=supervisor,
        titles=titles,
        runs=Runs(settings, log, producer, supervisor, starter, questions, storage),
        registry=registry,
        issuer=issuer,
        service_clients=ServiceClients(settings.app_url, settings.tool_services.values()),
        subscriptions=Subscriptions(app, log, connections, settings.ping_interval),
        prices=prices,
        storage=storage,
    )


def _connect_redis(url: str) -> Redis:
    # Not above, here and below: without REDIS_URL the app can do without its client (6 MB).
    from app.runs.redis_event_log import connect

    return connect(url)


def _file_storage(settings: Settings) -> FileStorage:
    if not settings.files_url:
        return DatabaseStorage()
    # Not above: most have no need for it.
    from app.conversations.s3_bucket import S3Bucket

    secret = settings.aws_secret_access_key.get_secret_value()
    keys = (settings.aws_access_key_id.get_secret_value(), secret)
    return BucketStorage(S3Bucket(settings.objects_url, settings.aws_region, *keys))


def _shared_by_workers(
    settings: Settings, redis: Redis | None
) -> tuple[EventLog, SharedConnections | None]:
    """Return what all workers have in common: the event log, and the registry of open streams."""
    if redis is None:
        return MemoryLog(), None
    from app.runs.redis_connections import RedisConnections
    from app.runs.redis_event_log import RedisLog

    log = RedisLog(settings.redis_url, redis, max_entries=settings.most_events)
    return log, RedisConnections(redis, lambda: log.up)

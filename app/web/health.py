"""Whether this process can serve, and how busy it is: numbers only, so that anybody may ask."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from app.db.models import db
from app.services import services

bp = Blueprint("health", __name__)


@bp.get("/sse/health")
def streams() -> ResponseReturnValue:
    """The connection registry: numbers only, so that a load balancer may ask."""
    app = services()
    return jsonify(status="ok", **app.connections.summary(), runs=app.runs.counts())


@bp.get("/health")
def health() -> ResponseReturnValue:
    """200 while this process can serve; a tool service that is away is told, but is no failure.
    Without Redis it is degraded: what is being written goes on, and nothing new begins. So it is
    while APPROVALS names a tool that no server has."""
    servers = {server.name: server.up for server in services().registry.servers.values()}
    try:
        db.session.execute(text("SELECT 1"))
        database = True
    except Exception:
        database = False
    redis = "off" if not services().settings.redis_url else "up" if services().log.up else "down"
    degraded = redis == "down" or services().unknown_approvals()
    body = {
        "status": "error" if not database else "degraded" if degraded else "ok",
        "database": "up" if database else "down",
        "redis": redis,
        "approvals": "unknown tools" if services().unknown_approvals() else "ok",
        "services": {name: "up" if up else "down" for name, up in servers.items()},
    }
    return jsonify(body), 200 if database else 503

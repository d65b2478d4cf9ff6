"""Whether this process can serve, and how busy it is. Numbers only, so anybody may ask."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from app.db.models import db
from app.lifecycle import services

bp = Blueprint("health", __name__)


@bp.get("/sse/health")
def streams() -> ResponseReturnValue:
    """Count the open streams and the runs, for load balancers."""
    app = services()
    return jsonify(status="ok", **app.connections.summary(), runs=app.runs.counts())


@bp.get("/health")
def health() -> ResponseReturnValue:
    """Respond 200 while this process can serve, and name what is down.

    A tool service that is down is no failure. Without Redis the status is degraded: answers that
    are being written go on, and no new ones begin. So it is while APPROVALS names a tool that no
    server has.
    """
    database, redis = _database_is_up(), _redis_state()
    servers = services().registry.servers.values()
    unknown_approvals = services().unknown_approvals()
    degraded = redis == "down" or unknown_approvals
    body = {
        "status": "error" if not database else "degraded" if degraded else "ok",
        "database": "up" if database else "down",
        "redis": redis,
        "approvals": "unknown tools" if unknown_approvals else "ok",
        "services": {server.name: "up" if server.up else "down" for server in servers},
    }
    return jsonify(body), 200 if database else 503


def _database_is_up() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except Exception:
        return False
    return True


def _redis_state() -> str:
    if not services().settings.redis_url:
        return "off"
    return "up" if services().log.up else "down"

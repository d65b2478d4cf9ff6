"""Whether this process can serve, and for those who may know, what is up and how busy it is."""

from __future__ import annotations

from ipaddress import ip_address

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from app.auth.sessions import is_admin, require_user
from app.config_types import LOOPBACK_HOSTS
from app.db.models import db
from app.lifecycle import services
from app.web.security import asked_host

bp = Blueprint("health", __name__)

# How the names of headers begin that proxies add.
_FORWARDING = ("x-forwarded", "forwarded", "x-real-ip", "via")


@bp.get("/sse/health")
def streams() -> ResponseReturnValue:
    """Respond 200. Count the open streams and the runs, for those who may know."""
    body: dict[str, object] = {"status": "ok"}
    if _is_from_this_machine() or _is_from_an_admin():
        app = services()
        body |= {**app.connections.summary(), "runs": app.runs.counts()}
    return jsonify(body)


@bp.get("/health")
def health() -> ResponseReturnValue:
    """Respond 200 while this process can serve, and name what is down for those who may know.

    A tool service that is down is no failure. Without Redis the status is degraded: answers that
    are being written go on, and no new ones begin. So it is while APPROVALS names a tool that no
    server has.
    """
    is_up = _database_is_up()
    may_know = _is_from_this_machine() or (is_up and _is_from_an_admin())
    body = _details(is_up) if may_know else {"status": "ok" if is_up else "error"}
    return jsonify(body), 200 if is_up else 503


def _details(database_is_up: bool) -> dict[str, object]:
    redis, unknown_approvals = _redis_state(), services().unknown_approvals()
    degraded = redis == "down" or unknown_approvals
    servers = services().registry.servers.values()
    return {
        "status": "error" if not database_is_up else "degraded" if degraded else "ok",
        "database": "up" if database_is_up else "down",
        "redis": redis,
        "approvals": "unknown tools" if unknown_approvals else "ok",
        "services": {server.name: "up" if server.up else "down" for server in servers},
    }


def _is_from_this_machine() -> bool:
    """Whether a program on this machine asked, and no proxy for somebody else.

    The host must be this machine's, too: a page of a foreign name that leads to 127.0.0.1 could
    read the answer.
    """
    names = request.headers.keys()
    forwarded = any(name.lower().startswith(_FORWARDING) for name in names)
    return not forwarded and asked_host() in LOOPBACK_HOSTS and _is_loopback(request.remote_addr)


def _is_loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def _is_from_an_admin() -> bool:
    """Whether an admin is signed in. Nobody is while the database can't say so."""
    try:
        require_user()
        return is_admin()
    except Exception:
        return False


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

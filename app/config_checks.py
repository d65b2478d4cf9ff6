"""Checks of settings that have to fit one another.

Each raises ValueError with a sentence that names the settings and says what to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from app.config import Settings


def check_together(settings: Settings) -> None:
    """Check that the settings fit one another."""
    if not settings.uses_demo_model and not settings.model:
        raise ValueError("MODEL is missing; name the model to ask at OPENAI_BASE_URL")
    _check_servers(settings)
    _check_provider(settings)
    _check_file_storage(settings)
    _check_approvals(settings)
    _check_workers(settings)
    if settings.longest_flush_interval < settings.flush_interval:
        raise ValueError("LONGEST_FLUSH_INTERVAL is less than FLUSH_INTERVAL; change one")


def _check_servers(settings: Settings) -> None:
    for name in settings.mcp_servers.keys() & settings.tool_services.keys():
        raise ValueError(f"MCP_SERVERS and TOOL_SERVICES both have {name}; rename one of them")
    for name in sorted(settings.mcp_allow_private - settings.mcp_servers.keys()):
        raise ValueError(f"MCP_ALLOW_PRIVATE names {name}, but no server is called that")
    for name, server in settings.mcp_servers.items():
        if _host_and_port(server.url) == _host_and_port(settings.app_url):
            raise ValueError(f"MCP_SERVERS has the app's own address as {name}; remove it")


def _host_and_port(url: str) -> tuple[str | None, int]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _check_provider(settings: Settings) -> None:
    secret = settings.oidc_client_secret.get_secret_value()
    given = (settings.oidc_issuer, settings.oidc_client_id, secret)
    if any(given) and not all(given):
        raise ValueError(
            "only some of OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are set; set all "
            "three to let people sign in by a provider, or none"
        )
    if "openid" not in settings.oidc_scopes.split():
        raise ValueError("OIDC_SCOPES lacks openid, without which nobody can sign in; add it")


def _check_file_storage(settings: Settings) -> None:
    keys = (settings.aws_access_key_id, settings.aws_secret_access_key)
    if settings.files_url and not all(key.get_secret_value() for key in keys):
        raise ValueError(
            "FILES_URL needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; set all three, or "
            "none to keep files in the database"
        )


def _check_approvals(settings: Settings) -> None:
    servers = settings.mcp_servers.keys() | settings.tool_services.keys()
    for name in settings.approvals:
        server, separator, _ = name.partition("__")
        if separator and server not in servers:
            raise ValueError(f"APPROVALS names {name}, but no server is called {server}")


def _check_workers(settings: Settings) -> None:
    workers = settings.web_workers
    if workers > 1 and not settings.redis_url:
        raise ValueError(f"WEB_WORKERS is {workers}, but workers share a Redis; set REDIS_URL too")
    if workers > 1 and settings.one_process:
        raise ValueError(f"ONE_PROCESS and WEB_WORKERS={workers} can't both be set; remove one")

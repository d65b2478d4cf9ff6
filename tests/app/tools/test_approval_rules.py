"""Which calls need approval is never decided by a name that no tool has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.auth.key_files import ensure_secrets
from scripts.ports import free_port
from tests.support.product import Product, eventually
from tests.support.tool_services import ToolService

Start = Callable[..., Product]

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_a_name_that_no_tool_of_ours_has_stops_the_start(tmp_path: Path) -> None:
    """It can be told only once the service has answered, so it is a real start that stops."""
    ensure_secrets(tmp_path)
    with ToolService(act=lambda _: {}) as service:
        settings = {
            "INSTANCE_DIR": str(tmp_path),
            "WEB_PORT": str(free_port()),
            "TOOL_SERVICES": f"ours={service.url}",
            "APPROVALS": "akt=always",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")]
        with subprocess.Popen(
            [*command, "wsgi:app"], cwd=tmp_path, env=os.environ | settings, stderr=subprocess.PIPE
        ) as process:
            try:
                assert process.stderr
                said = process.stderr.read().decode()
            finally:
                process.kill()
    assert process.returncode == 3
    assert "APPROVALS names akt, but no tool is called that" in said
    assert "act" in said


def test_a_name_that_no_tool_of_another_server_has_is_reported(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Another party could otherwise keep the app from starting."""
    with ToolService(act=lambda _: {}) as other:
        product = start(
            mcp_servers={"other": {"url": f"{other.url}/mcp"}},
            approvals={"other__akt": "never", "other__act": "never"},
        )
        eventually(lambda: "APPROVALS names other__akt" in caplog.text)
        alice = product.sign_up("Alice")
        health = alice.api("GET", "/health").json()
        assert (health["status"], health["approvals"]) == ("degraded", "unknown tools")
        assert "<code>other__akt</code>" in alice.get("/tools").text
    assert "other__act, but" not in caplog.text


def test_a_name_is_not_called_unknown_before_its_server_has_listed_its_tools(start: Start) -> None:
    product = start(
        tool_services={"away": "http://127.0.0.1:9"},
        mcp_servers={"other": {"url": "http://127.0.0.1:9/mcp"}},
        approvals={"act": "always", "other__act": "never"},
    )
    assert product.services.unknown_approvals() == []

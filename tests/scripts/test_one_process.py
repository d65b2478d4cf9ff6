"""Everything in one process: whose a request is, and what such a process can do without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.auth.key_files import ensure_secrets
from scripts import ROOT
from tests.support.seeded_databases import copy_databases

# Loads the product as gunicorn does, and says what it has loaded and who answers at two ports.
SCRIPT = """
import sys
from gevent import monkey
monkey.patch_all()
from scripts.one_process import app
unneeded = "alembic authlib mako psycopg redis segno sqlalchemy.dialects.postgresql webauthn"
print(*[name for name in unneeded.split() if name in sys.modules])
for port in (8000, 8003, 8009):
    print(app.test_client().get("/health", base_url=f"http://127.0.0.1:{port}").json)
"""


@pytest.fixture
def output(tmp_path: Path) -> list[str]:
    """What the script prints, with databases that are there already and no setting of ours."""
    instance = tmp_path / "instance"
    instance.mkdir()
    ensure_secrets(instance)
    copy_databases(instance)
    settings = {"PYTHONPATH": str(ROOT), "TOOL_SERVICES_FOLDER": str(ROOT / "tests" / "support")}
    command = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run(
        command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_port_says_whose_a_request_is_and_nothing_is_loaded_that_nobody_asked_for(
    output: list[str],
) -> None:
    loaded, web, model, notes = output
    assert loaded == ""
    assert "tools" not in web
    assert "'model': 'demo'" in model
    assert "notes" in notes

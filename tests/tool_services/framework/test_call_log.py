"""The log line of a call."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tool_services.support.services import Service

ROOT = Path(__file__).parents[3]
ONE_CALL = """
from tests.support.notes.app import NotesSettings, create_app
app = create_app(NotesSettings())
assert app.test_client().post("/tools/call").status_code == 401
assert app.test_client().get("/health").status_code == 200
"""


def test_each_call_is_logged_with_tool_user_and_status_but_no_secrets(
    notes: Service, caplog: pytest.LogCaptureFixture
) -> None:
    token = notes.token("bob")
    notes.call("findNotes", {"text": "a private word"}, token=token)
    notes.call("noSuchTool", {}, token=token)
    notes.call("findNotes", {}, token="forged")
    notes.mcp_result("findNotes", {"text": 0})
    lines = [line.rpartition(" ")[0] for line in caplog.messages if "tool=" in line]
    assert lines == [
        "notes tool=findNotes user=bob status=200",
        "notes tool=- user=bob status=404",
        "notes tool=- user=- status=401",
        "notes tool=findNotes user=alice status=422",
    ]
    assert token not in caplog.text
    assert "private" not in caplog.text


@pytest.mark.slow
def test_a_program_that_set_up_no_logging_gets_the_lines_on_stderr(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ONE_CALL],
        env={**os.environ, "PYTHONPATH": str(ROOT), "INSTANCE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    line = r"[-\d]+ [:,\d]+ INFO notes tool=- user=- status=401 duration_ms=[.\d]+\n"
    assert re.fullmatch(line, ended.stderr)

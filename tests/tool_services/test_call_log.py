from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONE_CALL = """
from tool_services.listings import create_app
app = create_app()
assert app.test_client().post("/tools/call").status_code == 401
assert app.test_client().get("/health").status_code == 200
"""


@pytest.mark.slow
def test_a_service_that_nobody_set_up_logging_for_logs_to_stderr(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ONE_CALL],
        env={**os.environ, "PYTHONPATH": str(ROOT), "INSTANCE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    line = r"[-\d]+ [:,\d]+ INFO listings tool=- user=- status=401 duration_ms=[.\d]+\n"
    assert re.fullmatch(line, ended.stderr)

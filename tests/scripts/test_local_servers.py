"""PostgreSQL and Valkey as the tests and `make run-cluster` start them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from scripts.local_servers import Postgres
from tests.support.processes import all_gone

pytestmark = pytest.mark.slow

START = """
import sys, time
from pathlib import Path
from scripts.local_servers import Postgres, Valkey
from scripts.ports import free_port
folder = Path(sys.argv[1])
for server in Postgres(folder / "postgres", free_port()), Valkey(folder / "valkey", free_port()):
    server.start()
    print(server.pid, flush=True)
time.sleep(60)
"""


def test_no_server_outlives_a_process_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
    assert all_gone(pids)
    # As root it is not below tmp_path, but in a folder that another user can reach.
    Postgres(tmp_path / "postgres", 0).remove()

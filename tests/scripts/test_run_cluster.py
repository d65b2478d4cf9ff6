"""`make run-cluster` seen from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from scripts import ROOT
from scripts.local_servers import Postgres
from scripts.ports import free_port
from tests.support.processes import below

pytestmark = pytest.mark.slow


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def cluster(tmp_path: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """A cluster at `url` that is ready."""
    names = ("LISTINGS_PORT", "ANALYTICS_PORT", "DEMO_MODEL_PORT")
    ports = {name: str(free_port()) for name in names} | {"WEB_PORT": url.rpartition(":")[2]}
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.run_cluster"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **ports},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        assert any("Homestream is ready" in line for line in lines)
        yield process
        process.send_signal(signal.SIGINT)
        for _ in lines:
            pass
    # As root it is not below tmp_path, but in a folder that another user can reach.
    Postgres(tmp_path / "instance" / "cluster" / "postgres", 0).remove()


def test_it_can_be_reached_from_this_machine_alone(
    cluster: subprocess.Popen[str], url: str
) -> None:
    assert requests.get(f"{url}/health", timeout=10).ok
    connections = [each for process in below(cluster.pid) for each in process.net_connections()]
    addresses = {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}

"""Run the product on this machine as it runs on several: `make run-cluster`.

PostgreSQL, Valkey, the tool services, two web nodes of two workers each, and a proxy in front of
the nodes. Every process that ends is started again, so kill one and watch what a reader sees.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import ROOT, StartError
from scripts.local_servers import Postgres, Valkey
from scripts.ports import LOOPBACK, free_port
from scripts.programs import Program, program_env, run_programs
from scripts.run import run_command, wait_until_ready
from scripts.services import (
    Service,
    check_ports,
    configured_services,
    make_secrets,
    programs_of,
)
from scripts.set_up import migrate

NODES = 2
WORKERS = 2


@dataclass(frozen=True)
class Cluster:
    """Everything that runs. The proxy has the web app's own address; the nodes are behind it."""

    proxy: Service
    nodes: Sequence[Service]
    tool_services: Sequence[Service]
    postgres: Postgres
    valkey: Valkey

    @property
    def programs(self) -> list[Program]:
        caddy = (_find_caddy(), "run", "--config", str(ROOT / "deploy" / "Caddyfile"))
        programs = [
            Program("postgres", tuple(self.postgres.command)),
            Program("valkey", tuple(self.valkey.command)),
            *programs_of(self.tool_services),
            *(node.program for node in self.nodes),
            Program("proxy", caddy),
        ]
        return [replace(program, restart=True) for program in programs]

    def env(self, folder: Path) -> Mapping[str, str]:
        """Return the programs' environment; Caddy keeps its files in `folder`."""
        return {
            **program_env(),
            # Any host name, plain HTTP, on the web app's address alone.
            "SITE": f"http://:{self.proxy.port}",
            "BIND": self.proxy.host,
            "NODES": " ".join(node.url for node in self.nodes),
            "CADDY_ADMIN": "off",
            "LOG_LEVEL": "ERROR",
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }

    def wait_until_ready(self) -> str:
        ready = wait_until_ready([self.proxy, *self.nodes, *self.tool_services])
        nodes = " and ".join(node.url for node in self.nodes)
        return f"{ready}\nThe nodes are {nodes}, with {WORKERS} workers each. Kill any process."


def cluster(folder: Path) -> Cluster:
    """Return what to run, with the databases' files in `folder`. Raises StartError."""
    # First, because it closes the folder to other users, and PostgreSQL may run as one of them.
    make_secrets(folder.parent)
    postgres = Postgres(folder / "postgres", free_port())
    valkey = Valkey(folder / "valkey", free_port())
    os.environ |= {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "WEB_WORKERS": str(WORKERS),
        "TRUSTED_PROXIES": "1",
    }
    web, *tool_services = configured_services()
    nodes = [
        replace(web, name=f"node-{number}", host=LOOPBACK, port=free_port())
        for number in range(1, NODES + 1)
    ]
    check_ports([web, *tool_services])
    return Cluster(web, nodes, tool_services, postgres, valkey)


def run() -> int:
    """Run the cluster until Ctrl-C and return the exit code. Raises StartError."""
    folder = Path(os.environ.get("INSTANCE_DIR") or "instance").absolute() / "cluster"
    wanted = cluster(folder)
    # PostgreSQL runs once before the others, so that the tables are there when they start.
    with wanted.postgres:
        migrate()
    wanted.valkey.prepare()
    return run_programs(wanted.programs, wanted.env(folder), wanted.wait_until_ready)


def _find_caddy() -> str:
    """Return the path of Caddy: the one beside this Python, or any other."""
    found = shutil.which("caddy", path=str(Path(sys.executable).parent)) or shutil.which("caddy")
    if found is None:
        raise StartError("Caddy is not installed. Run make dev, which installs it.")
    return found


if __name__ == "__main__":
    run_command(run)

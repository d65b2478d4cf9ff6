"""Start every service and stop them all at Ctrl-C: `make run`.

What to start is worked out in a process of its own (`scripts.plan`). So this one imports little,
and takes 17 MB instead of 87 for as long as everything runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Protocol
from urllib.parse import urlsplit

from scripts import StartError
from scripts.child_processes import end_with_parent
from scripts.programs import Program, program_env, run_programs

POLL_SECONDS = 0.1
READY_SECONDS = 60.0
_HEALTH_SECONDS = 5.0


class Reachable(Protocol):
    """A service with a URL that this machine can open."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Place:
    """The name and the URL of a service."""

    name: str
    url: str


def wait_until_ready(services: Sequence[Reachable], seconds: float = READY_SECONDS) -> str:
    """Wait until all services answer, and return the line to show then, or after `seconds`."""
    deadline = time.monotonic() + seconds
    missing = list(services)
    while missing := [service for service in missing if not _is_healthy(service)]:
        if time.monotonic() > deadline:
            names = " and ".join(service.name for service in missing)
            return f"Homestream is not ready: {names} can't be reached (Ctrl-C stops everything)."
        time.sleep(POLL_SECONDS)
    return f"Homestream is ready: {services[0].url} (Ctrl-C stops it)"


def _is_healthy(service: Reachable) -> bool:
    # Not by `requests`, which takes 6 MB. The service is on this machine, so no proxy is asked.
    address = urlsplit(service.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status < 400
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def run() -> int:
    """Start everything, wait for the end, and return the exit code."""
    env = program_env()
    command = (sys.executable, "-m", "scripts.plan")
    planned = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=False)  # noqa: S603
    if planned.returncode:
        # It has said why.
        return planned.returncode
    plan = json.loads(planned.stdout)
    programs = [Program(each["name"], tuple(each["command"])) for each in plan["programs"]]
    places = [Place(**each) for each in plan["services"]]
    return run_programs(
        programs, env | plan["env"], lambda: "\n".join((wait_until_ready(places), *plan["lines"]))
    )


def run_command(command: Callable[[], int]) -> None:
    """Run a command that starts servers, and exit with its code or its StartError's message."""
    end_with_parent()
    try:
        sys.exit(command())
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    run_command(run)

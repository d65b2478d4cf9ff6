"""Starts everything that `make run` promises, and ends all of it at Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import requests

from scripts import supervisor
from scripts.launch import (
    LaunchError,
    Service,
    check_ports,
    plan,
    program_env,
)
from scripts.prepare import migrate

POLL_SECONDS = 0.1
SLOW_SECONDS = 60.0
_ANSWER_SECONDS = 5.0


def wait_until_ready(wanted: Sequence[Service], patience: float = SLOW_SECONDS) -> str:
    """The sentence to show: ready, or, after `patience` seconds, who does not answer yet."""
    deadline = time.monotonic() + patience
    silent = list(wanted)
    while silent := [service for service in silent if not _is_healthy(service)]:
        if time.monotonic() > deadline:
            names = " and ".join(service.name for service in silent)
            return f"Homestream is not ready: {names} can't be reached (Ctrl-C stops everything)."
        time.sleep(POLL_SECONDS)
    return f"Homestream is ready: {wanted[0].url} (Ctrl-C stops it)"


def _is_healthy(service: Service) -> bool:
    with requests.Session() as session:
        # A proxy that the environment names is for other machines, never for this one.
        session.trust_env = False
        try:
            return session.get(f"{service.url}/health", timeout=_ANSWER_SECONDS).ok
        except requests.RequestException:
            return False


def serve() -> int:
    """Migrate, start, and run until the end; the exit code. Raises LaunchError before the start."""
    wanted = plan()
    check_ports(wanted)
    migrate()
    programs = [service.program for service in wanted]
    return supervisor.run(programs, program_env(), lambda: wait_until_ready(wanted))


def main() -> None:
    try:
        sys.exit(serve())
    except LaunchError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()

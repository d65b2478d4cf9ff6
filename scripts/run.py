"""Start every service and stop them all at Ctrl-C: `make run`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import requests

from app.auth.operator_key import operator_key
from app.config import load_settings
from scripts import StartError
from scripts.child_processes import end_with_parent
from scripts.local_model import LocalModel, find_local_model
from scripts.programs import run_programs
from scripts.services import (
    DEMO_MODEL,
    Service,
    check_ports,
    configured_services,
    program_env,
    programs_of,
)
from scripts.set_up import migrate

POLL_SECONDS = 0.1
READY_SECONDS = 60.0
_HEALTH_SECONDS = 5.0


def wait_until_ready(services: Sequence[Service], seconds: float = READY_SECONDS) -> str:
    """Wait until all services answer, and return the line to show then, or after `seconds`."""
    deadline = time.monotonic() + seconds
    missing = list(services)
    while missing := [service for service in missing if not _is_healthy(service)]:
        if time.monotonic() > deadline:
            names = " and ".join(service.name for service in missing)
            return f"Homestream is not ready: {names} can't be reached (Ctrl-C stops everything)."
        time.sleep(POLL_SECONDS)
    return f"Homestream is ready: {services[0].url} (Ctrl-C stops it)"


def _is_healthy(service: Service) -> bool:
    with requests.Session() as session:
        # Don't go through a proxy that the environment names: the service is on this machine.
        session.trust_env = False
        try:
            return session.get(f"{service.url}/health", timeout=_HEALTH_SECONDS).ok
        except requests.RequestException:
            return False


def run() -> int:
    """Start everything, wait for the end, and return the exit code. Raises StartError."""
    services = configured_services()
    check_ports(services)
    migrate()
    env, model = program_env(), _look_for_model(services)
    if model is not None:
        env |= model.settings()
        services = [service for service in services if service.name != DEMO_MODEL]
    return run_programs(programs_of(services), env, lambda: _ready(services, model))


def _look_for_model(services: Sequence[Service]) -> LocalModel | None:
    """Return a model on this machine to use, if the settings name none and want it so."""
    settings = load_settings()
    if not (settings.uses_demo_model and settings.find_local_model):
        return None
    own = {service.port for service in services}
    return find_local_model(settings.local_model_ports, own, settings.temperature)


def _ready(services: Sequence[Service], model: LocalModel | None) -> str:
    """Wait until all services answer, and return the lines to show then."""
    settings = load_settings()
    lines = [wait_until_ready(services)]
    if model is not None:
        lines.append(
            f"{model.name} answers, which {model.program} serves at {model.base_url}. To choose"
            " another model, set OPENAI_BASE_URL and MODEL; for the demo model,"
            " FIND_LOCAL_MODEL=false."
        )
    if settings.smtp_url is None:
        key = operator_key(settings.secret_key.get_secret_value())
        lines.append(f"Mails about accounts, for you alone: {services[0].url}/mailbox?key={key}")
    return "\n".join(lines)


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

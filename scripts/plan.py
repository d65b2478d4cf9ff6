"""What `make run` is to start, as JSON: programs, URLs, environment, and lines to show then.

Checks everything that can be checked before, and brings the web app's database up to date.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # This process ends within a second or two: to look for garbage took a sixth of its CPU.
    gc.disable()

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

from app.auth.operator_key import operator_key
from app.config import Settings, load_settings
from scripts.local_model import LocalModel, find_local_model
from scripts.run import run_command
from scripts.services import (
    DEMO_MODEL,
    Service,
    check_ports,
    configured_services,
    programs_of,
)
from scripts.set_up import migrate


def make_plan() -> dict[str, Any]:
    """Return what to start. Raises StartError."""
    services = configured_services()
    check_ports(services)
    migrate()
    settings = load_settings()
    if settings.one_process:
        _make_tables()
    passed_over: list[str] = []
    model = _look_for_model(settings, services, passed_over.append)
    if model is not None:
        services = [service for service in services if service.name != DEMO_MODEL]
    return {
        "programs": [
            {"name": program.name, "command": program.command} for program in programs_of(services)
        ],
        "services": [{"name": service.name, "url": service.url} for service in services],
        "env": model.settings() if model else {},
        "lines": [*passed_over, *_lines(settings, services[0].url, model)],
    }


def _make_tables() -> None:
    """Make the services' tables and fill them: the process that stays would keep 17 MB of it."""
    # Not above: otherwise each service does it, and what it takes needs half a second to load.
    from tool_services.app import create_by_port

    create_by_port()


def _look_for_model(
    settings: Settings, services: Sequence[Service], tell: Callable[[str], None]
) -> LocalModel | None:
    """Return a model on this machine to use, if the settings name none and want it so."""
    if not (settings.uses_demo_model and settings.find_local_model):
        return None
    own = {service.port for service in services}
    model = find_local_model(settings.local_model_ports, own, tell)
    return model.with_settings(settings) if model else None


def _lines(settings: Settings, url: str, model: LocalModel | None) -> list[str]:
    lines = []
    if model is not None:
        lines.append(
            f"{model.name} answers, which {model.program} serves at {model.base_url}. To choose"
            " another model, set OPENAI_BASE_URL and MODEL; for the demo model,"
            " FIND_LOCAL_MODEL=false."
        )
    if settings.smtp_url is None:
        key = operator_key(settings.secret_key.get_secret_value())
        lines.append(f"Mails about accounts, for you alone: {url}/mailbox?key={key}")
    return lines


def main() -> int:
    # Only the plan may be on stdout, whatever a library prints.
    with redirect_stdout(sys.stderr):
        plan = make_plan()
    print(json.dumps(plan))
    return 0


if __name__ == "__main__":
    run_command(main)

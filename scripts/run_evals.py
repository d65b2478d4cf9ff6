"""Ask the model that `.env` names the questions of each service's evals.toml: `make eval`.

The whole product runs for it, with a database and ports of its own. Nothing is sent: approvals are
declined, and mail settings aren't passed on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from app.config import Settings, load_settings
from scripts import ROOT, StartError
from scripts.child_processes import start
from scripts.evals.asking import Asker
from scripts.evals.cases import FILE, BadCases, Case, cases_in
from scripts.evals.report import Outcome, outcome, read_last, table, write
from scripts.evals.scores import score
from scripts.ports import free_port
from scripts.run import READY_SECONDS, run_command
from scripts.services import configured_services
from tool_services import all_services
from tool_services.framework.env_names import all_settings

_ABOUT_THE_MODEL = (
    *("openai_base_url", "openai_api_key", "model", "fallback_model"),
    *("temperature", "max_tokens", "context_tokens"),
    *("first_token_timeout", "run_timeout"),  # a model on a small machine needs more
)
_READY = "Homestream is ready: "


def evaluate(url: str, cases: list[Case], model: str) -> Iterator[Outcome]:
    """Ask each case of the product at `url`, as a person of its own, and yield its outcome."""
    for case in cases:
        asker = Asker(url)
        answer = asker.ask(case)
        yield outcome(case.name, score(case.of(asker.email), answer), answer, model)


def product_env(settings: Settings, ports: list[str], folder: Path) -> dict[str, str]:
    """Return an environment with the settings of the model alone; all else is kept in `folder`."""
    ours = all_settings().union(name.upper() for name in all_services.setting_names())
    env = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    for name in _ABOUT_THE_MODEL:
        value = getattr(settings, name, None)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if plain not in (None, ""):
            env[name.upper()] = str(plain)
    env |= {name: str(free_port()) for name in ports}
    # A relative path starts at the current folder, which is another one there.
    services = all_services.root()
    env |= {"TOOL_SERVICES_FOLDER": str(services), "FIND_LOCAL_MODEL": "false"}
    env["ONE_PROCESS"] = "true"  # it starts in half the CPU, and one person asks at a time
    env["MODEL_TITLES"] = "false"  # nobody reads them
    return env | {"INSTANCE_DIR": str(folder), "PYTHONPATH": str(ROOT)}


@contextmanager
def running(env: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Run the product in `folder`, where no `.env` is, and yield its URL. Raises StartError."""
    log = folder / "output.txt"
    with log.open("wb") as output:
        command = (sys.executable, "-u", "-m", "scripts.run")
        child = start(command, env=env, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield _ready_url(child, log)
    finally:
        child.terminate()
        child.wait()


def _ready_url(child: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if line.startswith(_READY):
                return line.removeprefix(_READY).split(" ", 1)[0]
        time.sleep(0.1)
    raise StartError(f"The product didn't start:\n{log.read_text()}")


def run() -> int:
    """Run all evaluations, print the table, and return the exit code: 1 if there are none."""
    services = configured_services()
    settings = load_settings()
    try:
        cases = cases_in(all_services.folders().values())
    except BadCases as error:
        raise StartError(str(error)) from None
    if not cases:
        raise StartError(f"No tool service has a file {FILE} with questions to ask.")
    model, file = settings.default_model, settings.instance_dir / "evals.json"
    with TemporaryDirectory() as folder:
        ports = [service.port_setting for service in services]
        env = product_env(settings, ports, Path(folder))
        with running(env, Path(folder)) as url:
            outcomes = list(_shown(evaluate(url, cases, model), len(cases)))
    print(table(outcomes, read_last(file)))
    write(file, model, outcomes)
    return 0


def _shown(outcomes: Iterator[Outcome], number: int) -> Iterator[Outcome]:
    """Tell on a terminal how far it has come."""
    for at, each in enumerate(outcomes, 1):
        if sys.stderr.isatty():
            print(f"\r{at} of {number}", end="\n" if at == number else "", file=sys.stderr)
        yield each


if __name__ == "__main__":
    run_command(run)

"""What is to be started on this machine, and whether it can be.

`.env` and the instance folder are those of the current folder; the code is that of this checkout.
"""

from __future__ import annotations

import errno
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path

import app.config
import tool_services.framework.settings
from app.auth.key_files import ensure_secrets
from scripts.supervisor import Program

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
# Below what Linux, macOS and others give to outgoing connections; this many for each process.
_SERVER_PORTS = range(20_000, 32_000, 750)
# What a browser can open instead of "every address of this machine".
_OPENABLE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104
_GUNICORN = (
    *(sys.executable, "-m", "gunicorn"),
    *("-k", "gevent"),
    # All four would share one socket in the home folder.
    "--no-control-socket",
    # A tab with an open stream would keep Ctrl-C waiting for as long as a deployment allows.
    *("--graceful-timeout", "2"),
)


class LaunchError(Exception):
    """The start can't go on; the message is a sentence that says how to mend it."""


@dataclass(frozen=True)
class Service:
    """One process: what gunicorn loads, where it listens, and its gunicorn settings file."""

    name: str
    application: str
    port: int
    host: str = LOOPBACK
    config: str = "scripts/gunicorn_services.py"

    @property
    def port_setting(self) -> str:
        return f"{self.name.replace('-', '_').upper()}_PORT"

    @property
    def url(self) -> str:
        return f"http://{_authority(_OPENABLE.get(self.host, self.host), self.port)}"

    @property
    def program(self) -> Program:
        options = ("-c", str(ROOT / self.config), "-b", _authority(self.host, self.port))
        return Program(self.name, (*_GUNICORN, *options, self.application))


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def free_port() -> int:
    """A port of this machine that nobody has. While its server is being started, no outgoing
    connection is given it, and no other process that asks here."""
    return next(filter(_is_free, _own_ports()))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


_guards: list[socket.socket] = []


@cache
def _own_ports() -> Iterator[int]:
    """Ports for this process alone, as long as it lives: it listens on the first of them."""
    for first in random.SystemRandom().sample(_SERVER_PORTS, len(_SERVER_PORTS)):
        guard = socket.socket()
        try:
            guard.bind((LOOPBACK, first))
            guard.listen()
        except OSError:
            guard.close()
            continue
        _guards.append(guard)
        return cycle(range(first + 1, first + _SERVER_PORTS.step))
    raise LaunchError("Too many clusters and test runs use this machine's ports: end one first.")


def program_env() -> dict[str, str]:
    """This environment, in which the checkout's modules are found from any folder."""
    found = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(found)}


def make_secrets(folder: Path) -> None:
    """Create the secrets that `folder` lacks; raises LaunchError when it can't be written."""
    try:
        ensure_secrets(folder)
    except OSError as error:
        raise LaunchError(
            f"INSTANCE_DIR is {folder}, but secrets can't be kept there ({error.strerror}); "
            "set it to a folder of yours in .env."
        ) from None


def plan() -> list[Service]:
    """What the settings ask for; raises LaunchError with a sentence for each bad setting.

    The web app's settings include the secrets, so they are made on the way.
    """
    tools = tool_services.framework.settings.load_settings()
    make_secrets(tools.instance_dir)
    try:
        web = app.config.load_settings()
    except app.config.SettingsError as error:
        raise LaunchError(str(error)) from None
    wanted = [
        Service("web", "wsgi:app", web.web_port, web.web_host, "gunicorn.conf.py"),
        Service("listings", "tool_services.listings:create_app()", tools.listings_port),
        Service("analytics", "tool_services.analytics:create_app()", tools.analytics_port),
    ]
    if web.uses_demo_model:
        wanted.append(Service("demo-model", "demo_model:create_app()", web.demo_model_port))
    return wanted


def check_ports(wanted: Sequence[Service]) -> None:
    """Raises LaunchError for the first service that could not listen where its settings say."""
    counts = Counter(service.port for service in wanted)
    for port, number in counts.items():
        if number > 1:
            names = " and ".join(each.port_setting for each in wanted if each.port == port)
            raise LaunchError(f"{names} are the same port, {port}; give each its own in .env.")
    for service in wanted:
        _check_port(service)


def _check_port(service: Service) -> None:
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    with socket.socket(family) as probe:
        # As gunicorn does, or a port that was in use a moment ago would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((service.host, service.port))
        except OSError as error:
            raise LaunchError(_refusal(service, error)) from None


def _refusal(service: Service, error: OSError) -> str:
    port, setting = service.port, service.port_setting
    if error.errno == errno.EADDRINUSE:
        mend = f"stop it or set {setting} to a free one in .env."
        return f"Port {port} is taken by another program; {mend}"
    if error.errno == errno.EACCES:
        return f"Port {port} is kept for the system; set {setting} to 1024 or more in .env."
    return (
        f"WEB_HOST is {service.host!r}, where this machine can't listen ({error.strerror}); "
        "set it to 127.0.0.1 (this machine only) or 0.0.0.0 (everybody) in .env."
    )

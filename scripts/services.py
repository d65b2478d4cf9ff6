"""The services that the settings ask for, and whether they can be started on this machine.

`.env` and the instance folder are those of the current folder; the code is that of this checkout.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import app.config
from app.auth.key_files import ensure_secrets
from app.config_errors import SettingsError
from scripts import ROOT, StartError
from scripts.ports import LOOPBACK
from scripts.programs import Program
from tool_services import all_services

# Addresses to open in a browser for those that mean "every address of this machine".
_OPENABLE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104
_GUNICORN = (
    *(sys.executable, "-m", "gunicorn"),
    # Ctrl-C must not wait for open streams as long as a deployment does.
    *("--graceful-timeout", "2"),
)
_WEB_CONFIG = "gunicorn.conf.py"
DEMO_MODEL = "demo-model"


@dataclass(frozen=True)
class Service:
    """One server: what gunicorn loads, where it listens, and its settings file."""

    name: str
    application: str
    port: int
    host: str = LOOPBACK
    config: str = "scripts/gunicorn_services.py"

    @property
    def port_setting(self) -> str:
        """Name of the setting for the port, such as WEB_PORT."""
        return f"{self.name.replace('-', '_').upper()}_PORT"

    @property
    def url(self) -> str:
        """URL that a browser on this machine can open."""
        return f"http://{_authority(_OPENABLE.get(self.host, self.host), self.port)}"

    @property
    def address(self) -> str:
        return _authority(self.host, self.port)

    @property
    def program(self) -> Program:
        return _program(self.name, [self])


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _program(name: str, services: Sequence[Service]) -> Program:
    """Return the program that serves services of one application, each at its address."""
    binds = (option for service in services for option in ("-b", service.address))
    first = services[0]
    return Program(name, (*_GUNICORN, "-c", str(ROOT / first.config), *binds, first.application))


def programs_of(services: Sequence[Service]) -> list[Program]:
    """Return a program for each application. Services that share one run in the same process."""
    shared: dict[str, list[Service]] = {}
    for service in services:
        shared.setdefault(service.application, []).append(service)
    return [_program(each[0].name if len(each) == 1 else "all", each) for each in shared.values()]


def make_secrets(folder: Path) -> None:
    """Create the secrets that are missing in `folder`. Raises StartError if it can't be written."""
    try:
        ensure_secrets(folder)
    except OSError as error:
        raise StartError(
            f"INSTANCE_DIR is {folder}, but secrets can't be kept there ({error.strerror}); "
            "set it to a folder of yours in .env."
        ) from None


def configured_services() -> list[Service]:
    """Return the services to start, the web app first. Raises StartError for a bad setting.

    Creates the secrets if they are missing, since the web app's settings include them.
    """
    tools = all_services.load_settings()
    make_secrets(tools.instance_dir)
    try:
        web = app.config.load_settings()
    except SettingsError as error:
        raise StartError(str(error)) from None
    services = [
        Service("web", "wsgi:app", web.web_port, web.web_host, _WEB_CONFIG),
        *(
            Service(each.name, f"tool_services.app:create_app({each.name!r})", each.port_in(tools))
            for each in all_services.services()
        ),
    ]
    if web.uses_demo_model:
        services.append(Service(DEMO_MODEL, "demo_model:create_app()", web.demo_model_port))
    if web.one_process:
        return [
            replace(service, application="scripts.one_process:app", config=_WEB_CONFIG)
            for service in services
        ]
    return services


def check_ports(services: Sequence[Service]) -> None:
    """Raise StartError for the first service that can't listen where its settings say."""
    counts = Counter(service.port for service in services)
    for port, number in counts.items():
        if number > 1:
            names = " and ".join(each.port_setting for each in services if each.port == port)
            raise StartError(f"{names} are the same port, {port}; give each its own in .env.")
    for service in services:
        _check_port(service)


def _check_port(service: Service) -> None:
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    with socket.socket(family) as probe:
        # As gunicorn does. Without it, a port that was in use a moment ago counts as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((service.host, service.port))
        except OSError as error:
            raise StartError(_explain(service, error)) from None


def _explain(service: Service, error: OSError) -> str:
    port, setting = service.port, service.port_setting
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is taken by another program; "
            f"stop it or set {setting} to a free one in .env."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is kept for the system; set {setting} to 1024 or more in .env."
    return (
        f"WEB_HOST is {service.host!r}, where this machine can't listen ({error.strerror}); "
        "set it to 127.0.0.1 (this machine only) or 0.0.0.0 (everybody) in .env."
    )

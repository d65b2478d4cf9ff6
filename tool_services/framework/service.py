"""A service as a value: what its folder declares, and what follows from the folder's name.

Importing this, and a service's `service.py`, has to stay cheap, since the app and the programs that
start the services import every one of them. So a service may name its tools, tables and endpoints
by text, such as ".models:db"; they are imported when the service itself starts.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import create_model

from tool_services.framework.env_names import all_settings
from tool_services.framework.settings import (
    Port,
    ServiceSettings,
    Url,
    on_loopback,
    sqlite_file,
    stop,
)

_NAME = re.compile("[a-z][a-z0-9_]{0,29}")
# Where the ports of services begin that name none, and how many there are.
_FIRST_PORT, _PORTS = 8100, 900


@dataclass(frozen=True)
class Service:
    """A tool service. Its `service.py` has one as `SERVICE = Service(__name__, "…", …)`.

    `tools` are the tools, or a function of the settings that returns them. `settings` are those
    that the service adds to what each has. `database` is a SQLAlchemy, if the service has tables,
    and `samples` are the rows that empty ones start with. `calls` are the services that it asks on
    a person's behalf. `setup` is called with the Flask app when it starts, to add endpoints and
    commands. `capabilities` are endpoints that the app uses beside the tools, such as "outbox".

    `tools`, `database`, `samples` and `setup` may each be a text instead: module and name, as in
    ".models:db".
    """

    module: str
    description: str
    tools: Any
    settings: type[ServiceSettings] = ServiceSettings
    database: Any = None
    samples: Any = ()
    calls: tuple[str, ...] = ()
    setup: Any = None
    capabilities: tuple[str, ...] = ()
    port: int | None = None

    @property
    def package(self) -> str:
        return self.module.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The folder's name, in which the names of the service's settings begin."""
        return self.package.rpartition(".")[2]

    @property
    def folder(self) -> Path:
        return Path(str(sys.modules[self.module].__file__)).parent

    @property
    def default_port(self) -> int:
        """The port without a setting: always the same for the same name."""
        return self.port or port_for(self.name)

    @property
    def instructions(self) -> str:
        """What a model is told beside the tools: the file `prompt.md`, or else the description."""
        prompt = self.folder / "prompt.md"
        return (prompt.read_text("utf-8") if prompt.exists() else self.description).strip()

    def load(self, part: Any) -> Any:
        """Return a part of the service, imported if it is named by text."""
        if not isinstance(part, str):
            return part
        module, _, name = part.partition(":")
        return getattr(import_module(module, self.package), name)

    def database_setting(self) -> str:
        return f"{self.name}_database_url".upper()

    def port_in(self, settings: ServiceSettings) -> int:
        return int(getattr(settings, f"{self.name}_port"))

    def url_in(self, settings: ServiceSettings) -> str:
        """Return the service's URL, which is also the audience of its tokens."""
        return url_of(self.name, settings)


def url_of(name: str, settings: ServiceSettings) -> str:
    """Return the URL of the service with this name."""
    return str(getattr(settings, f"{name}_url"))


def port_for(name: str) -> int:
    """Return a port between 8100 and 8999 for a service's name."""
    return _FIRST_PORT + zlib.crc32(name.encode()) % _PORTS


def settings_type(services: Sequence[Service]) -> Any:
    """Return the class of these services' settings: their own, and those that each service has.

    Stops the program if a service's name can't begin the names of settings.
    """
    own = dict.fromkeys(each.settings for each in services)
    bases = tuple(each for each in own if each is not ServiceSettings) or (ServiceSettings,)
    fields: dict[str, Any] = {}
    ports = {name: port_for(name) for service in services for name in service.calls}
    ports.update({service.name: service.default_port for service in services})
    for name, port in ports.items():
        check_name(name)
        fields[f"{name}_port"] = (Port, port)
        fields[f"{name}_url"] = (Url, on_loopback(f"{name}_port"))
    for service in services:
        if service.database is not None:
            fields[f"{service.name}_database_url"] = (str, sqlite_file(f"{service.name}.db"))
    return create_model("Settings", __base__=bases, **fields)


def check_name(name: str) -> None:
    """Stop the program with a sentence if no service can have this name."""
    if not _NAME.fullmatch(name):
        stop(
            f"The folder {name!r} can't be a service: its name must be lower-case letters, digits"
            " and _, and begin with a letter. Rename it."
        )
    taken = all_settings() & {f"{name}_{kind}".upper() for kind in ("port", "url", "database_url")}
    if taken:
        stop(
            f"No service can be called {name}: {min(taken)} is another setting. Rename the folder."
        )

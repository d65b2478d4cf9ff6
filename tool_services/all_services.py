"""The tool services: each folder with a `service.py`, for the app and for what starts them.

The folders are in `tool_services/`, or where the setting TOOL_SERVICES_FOLDER says. This module
imports each service's declaration, but neither its tools nor its tables.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict

from tool_services.framework import settings as framework_settings
from tool_services.framework.service import Service, settings_type
from tool_services.framework.settings import stop

_HERE = Path(__file__).resolve().parent
_DECLARATION = "service.py"


class CommonSettings(BaseSettings):
    """Where the services' folders are. A relative path starts at the current folder."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    tool_services_folder: Path = _HERE


def root() -> Path:
    """Return the folder that the services' folders are in."""
    return CommonSettings().tool_services_folder.expanduser().resolve()


def folders() -> dict[str, Path]:
    """Return each service's folder by the service's name. Imports no service.

    Stops the program with a sentence if there is none.
    """
    found = {
        declaration.parent.name: declaration.parent
        for declaration in sorted(root().glob(f"*/{_DECLARATION}"))
        if declaration.parent != _HERE / "framework"
    }
    if not found:
        stop(f"TOOL_SERVICES_FOLDER is {str(root())!r}, where no folder has a {_DECLARATION}.")
    return found


def services() -> list[Service]:
    """Return the services in the order of the ports that they have without a setting."""
    found = (_declared(folder) for folder in folders().values())
    return sorted(found, key=lambda service: (service.default_port, service.name))


def service(name: str) -> Service:
    """Return the service with this name. Stops the program with a sentence if there is none."""
    names = folders()
    if name not in names:
        stop(f"There is no tool service {name!r}. The services are {', '.join(names)}.")
    return _declared(names[name])


@cache
def _declared(folder: Path) -> Service:
    """Import a service's declaration: as `tickets.service` in the package of the outer folder."""
    outer = folder.parent
    if str(outer.parent) not in sys.path:
        sys.path.append(str(outer.parent))
    invalidate_caches()
    package = find_spec(outer.name)
    places = (package and package.submodule_search_locations) or ()
    if outer not in (Path(place).resolve() for place in places):
        stop(f"{outer} can't hold services: Python has a module {outer.name} already. Rename it.")
    module = import_module(f"{outer.name}.{folder.name}.service")
    declared = getattr(module, "SERVICE", None)
    if not isinstance(declared, Service):
        stop(f"{folder / _DECLARATION} must have SERVICE = Service(__name__, …).")
    return declared


def settings_class() -> Any:
    """Return the class of all services' settings, which has those of each one."""
    return settings_type(services())


def load_settings() -> Any:
    """Read the settings. A bad one ends the program with a sentence on stderr."""
    return framework_settings.load_settings(settings_class())


def setting_names() -> frozenset[str]:
    """Return the names of all services' settings, in lower case."""
    return frozenset(settings_class().model_fields)


def default_urls() -> dict[str, str]:
    """Return each service's base URL, which its tokens carry as audience, by the service's name.

    Raises pydantic's ValidationError for a bad setting.
    """
    settings = settings_class()()
    return {service.name: service.url_in(settings) for service in services()}


def default_exchanges() -> dict[str, str]:
    """Return which services each may call on a person's behalf, as names with commas between."""
    found = services()
    names = {service.name for service in found}
    calls = {each.name: [name for name in each.calls if name in names] for each in found}
    return {name: ",".join(called) for name, called in calls.items() if called}

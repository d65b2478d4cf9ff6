"""The settings that every tool service has, read once from the environment and `.env`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, get_args

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from tool_services.framework.env_names import unknown_settings, warn_of_typing_mistakes

# gunicorn stops at this exit code. After any other it would start the worker again and again.
STOP_EXIT_CODE = 3


_HTTP_URL: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def _http_url(value: str) -> str:
    _HTTP_URL.validate_python(value)
    return value.rstrip("/")


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _below_app(path: str) -> Any:
    return Field(default_factory=lambda known: f"{known['app_url']}{path}")


def on_loopback(port_name: str) -> Any:
    """Return the default of a URL: this machine, at the port that another setting names."""
    return Field(default_factory=lambda known: f"http://127.0.0.1:{known[port_name]}")


def sqlite_file(file_name: str) -> Any:
    """Return the default of a database URL: a file in the instance folder."""
    return Field(default_factory=lambda known: f"sqlite:///{known['instance_dir'] / file_name}")


Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, AfterValidator(_http_url)]


class ServiceSettings(BaseSettings):
    """Base of a service's settings. Each environment variable is the upper-case field name.

    URLs have no trailing slash, `instance_dir` is absolute, `tool_timeout` is in seconds.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    web_port: Port = 8000
    app_url: Url = on_loopback("web_port")
    jwks_url: Url = _below_app("/.well-known/jwks.json")
    token_url: Url = _below_app("/oauth/token")
    instance_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path("instance"), validate_default=True
    )
    sample_data: bool = True
    tool_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0


Settings = TypeVar("Settings", bound=ServiceSettings)


def load_settings(kind: type[Settings]) -> Settings:
    """Read the settings. A bad one ends the program with a sentence on stderr."""
    if unknown := unknown_settings(kind.model_fields):
        stop("\n".join(unknown))
    warn_of_typing_mistakes(kind.model_fields)
    try:
        return kind()
    except ValidationError as error:
        stop("\n".join(_explain(kind, problem) for problem in error.errors() if _is_own(problem)))


def stop(sentence: str) -> NoReturn:
    """End the program before it serves anything, with the reason on stderr."""
    print(sentence, file=sys.stderr)
    raise SystemExit(STOP_EXIT_CODE)


def _is_own(problem: ErrorDetails) -> bool:
    """Return False for a default that could not be made because of another bad setting."""
    return problem["type"] != "default_factory_not_called"


def _explain(kind: type[ServiceSettings], problem: ErrorDetails) -> str:
    name = str(problem["loc"][0])
    reason = problem["msg"].removeprefix("Value error, ")
    annotation = kind.model_fields[name].annotation
    is_secret = SecretStr in (annotation, *get_args(annotation))
    value = "" if is_secret else f" is {problem['input']!r}, which"
    return (
        f"{name.upper()}{value} can't be used: {reason}. Change it in .env or in the environment."
    )

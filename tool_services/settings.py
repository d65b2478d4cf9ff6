"""Every setting of the tool services, read once from the environment and `.env`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, Field, HttpUrl, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

# gunicorn gives up on this exit code; with any other it would start the worker again for ever.
STOP_EXIT_CODE = 3


def _http_url(value: str) -> str:
    TypeAdapter(HttpUrl).validate_python(value)
    return value.rstrip("/")


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _on_loopback(port_name: str, path: str = "") -> Any:
    return Field(default_factory=lambda known: f"http://127.0.0.1:{known[port_name]}{path}")


def _at_app(path: str) -> Any:
    return Field(default_factory=lambda known: f"{known['app_url']}{path}")


def _sqlite_file(file_name: str) -> Any:
    return Field(default_factory=lambda known: f"sqlite:///{known['instance_dir'] / file_name}")


Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseSettings):
    """What both services need to know; each environment variable is the upper-case field name.

    URLs carry no trailing slash, `instance_dir` is absolute, `tool_timeout` is in seconds.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    web_port: Port = 8000
    listings_port: Port = 8001
    analytics_port: Port = 8002
    app_url: Url = _on_loopback("web_port")
    listings_url: Url = _on_loopback("listings_port")
    analytics_url: Url = _on_loopback("analytics_port")
    jwks_url: Url = _at_app("/.well-known/jwks.json")
    token_url: Url = _at_app("/oauth/token")
    instance_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path("instance"), validate_default=True
    )
    listings_database_url: str = _sqlite_file("listings.db")
    analytics_database_url: str = _sqlite_file("analytics.db")
    sample_data: bool = True
    tool_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0


def load_settings() -> Settings:
    """Settings from the environment; a bad one ends the program with a sentence on stderr."""
    try:
        return Settings()
    except ValidationError as error:
        stop("\n".join(_sentences(error)))


def default_urls() -> dict[str, str]:
    """The tool services by name, each with the base URL that is also its token audience.

    Raises pydantic's ValidationError for a bad setting; the app says it in a sentence.
    """
    settings = Settings()
    return {"listings": settings.listings_url, "analytics": settings.analytics_url}


def default_exchanges() -> dict[str, str]:
    """Which service may act at which other on a person's behalf, by token exchange."""
    return {"analytics": "listings"}


def stop(sentence: str) -> NoReturn:
    """End the program before it serves anything, saying why in plain words."""
    print(sentence, file=sys.stderr)
    raise SystemExit(STOP_EXIT_CODE)


def _sentences(error: ValidationError) -> list[str]:
    return [
        f"{str(problem['loc'][0]).upper()} is {problem['input']!r}, which will not do: "
        f"{problem['msg']}. Change it in .env or in the environment."
        for problem in error.errors()
        # A default that builds on a refused setting is no mistake of its own.
        if problem["type"] != "default_factory_not_called"
    ]

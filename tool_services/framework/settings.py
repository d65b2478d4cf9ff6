"""Every setting of the tool services, read once from the environment and `.env`."""

from __future__ import annotations

import sys
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Annotated, Any, NoReturn

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, HttpUrl, SecretStr, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from tool_services.framework.env_names import unknown_settings, warn_of_typing_mistakes
from tool_services.framework.mail import MailServer

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


def _sender(value: str) -> str:
    name, address = parseaddr(value)
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"must be like Homes <homes@example.com>: {error}") from None
    return formataddr((name, address))


def _smtp_url(value: SecretStr) -> SecretStr:
    MailServer.of(value.get_secret_value(), "", 1)
    return value


Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, AfterValidator(_http_url)]
SmtpUrl = Annotated[SecretStr, AfterValidator(_smtp_url)]
# The rest of the time that a tool call has is for the service's own work and the way back.
MAIL_TIMEOUT_SHARE = 0.7


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
    smtp_url: SmtpUrl | None = None
    smtp_from: Annotated[str, AfterValidator(_sender)] = "Homestream <homestream@example.com>"
    tool_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0

    @property
    def mail_server(self) -> MailServer | None:
        """The server that sends reports; None where they stay in the outbox."""
        if self.smtp_url is None:
            return None
        timeout = self.tool_timeout * MAIL_TIMEOUT_SHARE
        return MailServer.of(self.smtp_url.get_secret_value(), self.smtp_from, timeout)


def load_settings() -> Settings:
    """Settings from the environment; a bad one ends the program with a sentence on stderr."""
    if unknown := unknown_settings():
        stop("\n".join(unknown))
    warn_of_typing_mistakes()
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
        f"{_refused(problem)}: {problem['msg'].removeprefix('Value error, ')}. "
        "Change it in .env or in the environment."
        for problem in error.errors()
        # A default that builds on a refused setting is no mistake of its own.
        if problem["type"] != "default_factory_not_called"
    ]


def _refused(problem: ErrorDetails) -> str:
    name = str(problem["loc"][0]).upper()
    # Whatever is wrong with it, there may be a password in it.
    shown = "" if name == "SMTP_URL" else f"is {problem['input']!r}, which "
    return f"{name} {shown}will not do"

"""Every setting of the web app, read once from the environment and `.env`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import limits
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.auth.key_files import SECRET_KEY_FILE, SIGNING_KEY_FILE
from tool_services.settings import default_exchanges, default_urls

OPENAI_URL = "https://api.openai.com/v1"

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
# Part of the names of its tools, which may have 64 characters in all.
ServerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,19}$")]


class McpServer(BaseModel):
    """A server of the Model Context Protocol beside our own services.

    `token` is sent as a bearer token; `tools` are the names of those that may be used, None all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    token: SecretStr | None = None
    tools: frozenset[str] | None = None


class SettingsError(Exception):
    """A setting is missing or wrong: one sentence for each, saying how to mend it."""


class Settings(BaseSettings):
    """The web app's settings; the field's upper-case name is the variable's. See `.env.example`.

    Times are in seconds unless the name says otherwise.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    web_host: str = "127.0.0.1"
    web_port: Port = 8000
    app_url: str = ""
    instance_dir: Path = Path("instance")
    secret_key: SecretStr | None = None
    signing_key_file: Path | None = None
    database_url: str = ""
    database_connections: Count = 10
    redis_url: str = ""
    web_workers: Count = 1
    lease_seconds: Annotated[float, Field(ge=1)] = 6
    trusted_proxies: Annotated[int, Field(ge=0)] = 0

    openai_base_url: str = ""
    openai_api_key: SecretStr = SecretStr("")
    model: str = ""
    fallback_model: str = ""
    demo_model_port: Port = 8003
    model_attempts: Count = 3
    first_token_timeout: Seconds = 60
    history_tokens: Count = 16_000
    max_answer_chars: Count = 200_000
    max_event_bytes: Count = 1_000_000

    tool_services: Annotated[dict[str, str], NoDecode] = Field(default_factory=default_urls)
    tool_exchanges: Annotated[dict[str, str], NoDecode] = Field(default_factory=default_exchanges)
    mcp_servers: Annotated[dict[ServerName, McpServer], NoDecode] = {}
    tool_timeout: Seconds = 10
    approvals: Annotated[dict[str, Literal["always", "never"]], NoDecode] = {}
    approval_minutes: Annotated[float, Field(gt=0)] = 60
    service_check_interval: Seconds = 5

    max_steps: Count = 8
    run_timeout: Seconds = 120
    abandoned_run_seconds: Annotated[float, Field(ge=0)] = 0
    max_runs: Count = 2_000
    max_runs_per_worker: Count = 500
    max_runs_per_user: Count = 5
    max_message_chars: Count = 8_000

    ping_interval: Seconds = 15
    flush_interval: Seconds = 0.08
    longest_flush_interval: Seconds = 0.4
    max_streams: Count = 2_000
    max_streams_per_user: Count = 20

    access_token_minutes: Count = 60
    refresh_token_days: Count = 30
    sign_in_limit: str = "20 per minute"

    @field_validator("tool_services", "tool_exchanges", "approvals", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        """`name=value name=value` as a mapping, in the order given."""
        if not isinstance(value, str):
            return value
        pairs = dict(pair.partition("=")[::2] for pair in value.split())
        if not all(name and other for name, other in pairs.items()):
            raise ValueError("must be pairs like name=value, separated by spaces")
        return pairs

    @field_validator("mcp_servers", mode="before")
    @classmethod
    def _servers(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('must be JSON like {"name": {"url": "https://…/mcp"}}') from None

    @field_validator("tool_services")
    @classmethod
    def _service_urls(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: cls._url(url) for name, url in value.items()}

    @field_validator("sign_in_limit")
    @classmethod
    def _rate(cls, value: str) -> str:
        try:
            limits.parse_many(value)
        except ValueError:
            raise ValueError("must be a rate like: 20 per minute") from None
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if value and "://" not in value:
            raise ValueError("must be like postgresql://user:password@host/name")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis:// or rediss://")
        return value

    @field_validator("app_url", "openai_base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _derived(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill in the settings whose default hangs on another setting."""
        values = dict(values)
        folder = Path(values.get("instance_dir") or "instance").absolute()
        values["instance_dir"] = folder
        values.setdefault("app_url", f"http://127.0.0.1:{values.get('web_port') or 8000}")
        values.setdefault("database_url", f"sqlite:///{folder / 'homestream.db'}")
        values.setdefault("signing_key_file", folder / SIGNING_KEY_FILE)
        if "secret_key" not in values and (folder / SECRET_KEY_FILE).is_file():
            values["secret_key"] = (folder / SECRET_KEY_FILE).read_text()
        return values

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if self.secret_key is None or len(self.secret_key.get_secret_value()) < 32:
            raise ValueError(
                "SECRET_KEY is missing or shorter than 32 characters: `make setup` makes one"
            )
        if self.signing_key_file is None or not self.signing_key_file.is_file():
            raise ValueError(
                f"SIGNING_KEY_FILE ({self.signing_key_file}) is not there: `make setup` makes one"
            )
        if not self.uses_demo_model and not self.model:
            raise ValueError("MODEL is missing: name the model to ask for at OPENAI_BASE_URL")
        twice = sorted(set(self.mcp_servers) & set(self.tool_services))
        if twice:
            raise ValueError(f"MCP_SERVERS has {twice[0]}, which TOOL_SERVICES has as well")
        if self.web_workers > 1 and not self.redis_url:
            raise ValueError(
                f"WEB_WORKERS is {self.web_workers}, but several workers need a REDIS_URL to share"
            )
        return self

    @property
    def most_events(self) -> int:
        """More than one answer can have, however long it takes."""
        return int(self.run_timeout / self.flush_interval) * 2 + 2_000

    @property
    def uses_demo_model(self) -> bool:
        """True when neither an endpoint nor a key is set: all of it runs with no account then."""
        return not self.openai_base_url and not self.openai_api_key.get_secret_value()

    @property
    def model_base_url(self) -> str:
        """The endpoint in use; a key alone means OpenAI's own."""
        if self.uses_demo_model:
            return f"http://127.0.0.1:{self.demo_model_port}/v1"
        return self.openai_base_url or OPENAI_URL

    @property
    def models(self) -> tuple[str, ...]:
        """The model to ask, then the one to fall back to, if any."""
        return tuple(filter(None, (self.model or "demo", self.fallback_model)))

    @property
    def secure(self) -> bool:
        """True when people reach the app over https: cookies are Secure then, and HSTS is sent."""
        return self.app_url.startswith("https://")


def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError with a sentence for each bad one."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            detail
            for detail in error.errors()
            # A default that builds on a refused setting is no mistake of its own.
            if detail["type"] != "default_factory_not_called"
        ]
        raise SettingsError("\n".join(map(_sentence, wrong))) from None


def _sentence(detail: Any) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return f"{message} (in .env or the environment)."
    name = str(detail["loc"][0]).upper()
    if name == "MCP_SERVERS":
        # Whatever is wrong with it, there may be tokens in it.
        place = ".".join(map(str, detail["loc"][1:]))
        name = f"{name} ({place})" if place else name
        return f"{name}: {message}. Mend it in .env or the environment."
    return f"{name} is {detail['input']!r}, but: {message}. Mend it in .env or the environment."

"""Settings of the web app, read once from the environment and `.env`.

`.env.example` explains each setting, and a test compares the two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.auth.key_files import SIGNING_KEY_FILE, load_signing_key, read_secret_key
from app.brand import DEFAULT_FOLDER, BrandFolder
from app.config_checks import check_together
from app.config_errors import SettingsError, sentences_of
from app.config_types import (
    LOOPBACK_HOSTS,
    Approvals,
    Count,
    DatabaseUrl,
    FilesUrl,
    Hosts,
    HttpUrl,
    Issuer,
    Key,
    McpServers,
    Minutes,
    Model,
    Models,
    Names,
    Pairs,
    Port,
    Ports,
    Prices,
    Rate,
    RedisUrl,
    Seconds,
    Secret,
    Urls,
    ascii_host,
)
from app.llm.model_limits import can_see
from tool_services.all_services import default_exchanges, default_urls, setting_names
from tool_services.framework.env_names import unknown_settings, warn_of_typing_mistakes
from tool_services.framework.mail import DEFAULT_SENDER, MailServer, Sender, SmtpUrl

_NO_HOSTS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - WEB_HOST for every address
OPENAI_URL = "https://api.openai.com/v1"

_MAIL_SECONDS = 20.0
"""How long giving one e-mail to the mail server may take."""


class Settings(BaseSettings):
    """Settings of the web app, in the order of `.env.example`, which explains each of them.

    A setting's variable is the upper-case name of its field. Times are in seconds unless the name
    says otherwise.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # What people see
    app_name: Annotated[str, Field(max_length=80)] = ""
    brand: Annotated[BrandFolder, Field(default=DEFAULT_FOLDER, validate_default=True)]

    # The web app
    web_host: str = "127.0.0.1"
    web_port: Port = 8000
    app_url: HttpUrl = ""
    trusted_proxies: Annotated[int, Field(ge=0)] = 0
    allowed_hosts: Hosts = frozenset()
    external_link_page: bool = False
    max_request_bytes: Count = 1_000_000
    sign_in_limit: Rate = "20 per minute"
    account_limit: Rate = "10 per minute; 50 per hour; 200 per day"
    second_factor_limit: Rate = "5 per minute; 20 per hour; 50 per day"
    sign_up_limit: Rate = "200 per hour"
    exchange_limit: Rate = "600 per hour"
    question_limit: Rate = "600 per hour; 5000 per day"
    security_log_days: Count = 180
    access_token_minutes: Count = 60
    refresh_token_days: Count = 30
    session_days: Count = 90
    sign_up: Literal["open", "invitation", "closed"] = "open"
    require_verified_email: bool = False
    require_second_factor_for_admins: bool = False
    mail_limit: Rate = "5 per hour; 20 per day"
    reset_limit: Rate = "20 per hour"

    # Mail
    smtp_url: SmtpUrl = None
    smtp_from: Sender = DEFAULT_SENDER

    # Sign-in by a provider
    oidc_issuer: Issuer = ""
    oidc_client_id: str = ""
    oidc_client_secret: Key = SecretStr("")
    oidc_name: str = "your company"
    oidc_sign_up: bool = False
    oidc_scopes: str = "openid email profile"

    # Storage
    instance_dir: Path = Path("instance")
    secret_key: Secret = SecretStr("")
    signing_key_file: Path = Path("instance") / SIGNING_KEY_FILE
    database_url: DatabaseUrl = ""
    database_connections: Count = 10
    redis_url: RedisUrl = ""
    files_url: FilesUrl = ""
    aws_access_key_id: Key = SecretStr("")
    aws_secret_access_key: Key = SecretStr("")
    aws_region: Annotated[str, Field(pattern="^[a-z0-9-]+$")] = "us-east-1"
    aws_endpoint_url: HttpUrl = ""
    web_workers: Count = 1
    one_process: bool = False
    lease_seconds: Annotated[Seconds, Field(ge=1)] = 6

    # The model
    openai_base_url: HttpUrl = ""
    openai_api_key: Key = SecretStr("")
    model: Model = ""
    fallback_model: Model = ""
    models: Models = ()
    find_local_model: bool = True
    local_model_ports: Ports = (11434, 8080, 1234, 8000)
    model_attempts: Count = 3
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Count | None = None
    model_titles: bool | None = None
    vision_models: Names = frozenset()
    model_prices: Prices = {}
    first_token_timeout: Seconds = 60
    history_tokens: Count = 16_000
    context_tokens: Annotated[int, Field(ge=256)] | None = None
    max_answer_chars: Count = 200_000
    max_event_bytes: Count = 1_000_000

    # Answers
    run_timeout: Seconds = 120
    max_steps: Count = 8
    tool_timeout: Seconds = 10
    abandoned_run_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    max_runs: Count = 2_000
    max_runs_per_worker: Count = 500
    max_runs_per_user: Count = 5
    max_message_chars: Count = 8_000
    max_files: Count = 4
    max_file_bytes: Count = 10_000_000
    max_text_file_bytes: Count = 200_000
    file_quota_bytes: Count = 100_000_000
    file_limit: Rate = "300 per hour"
    grounded_figures: bool = True

    # Streaming
    ping_interval: Seconds = 15
    flush_interval: Seconds = 0.08
    longest_flush_interval: Seconds = 0.4
    max_streams: Count = 2_000
    max_streams_per_user: Count = 20

    # Tools
    tool_services: Urls = Field(default_factory=default_urls)
    mcp_servers: McpServers = {}
    mcp_allow_private: Names = frozenset()
    approvals: Approvals = {}
    approval_minutes: Minutes = 60
    service_check_interval: Seconds = 5
    tool_exchanges: Pairs = Field(default_factory=default_exchanges)

    # The demo model
    demo_model_port: Port = 8003

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill in the settings whose default depends on another setting."""
        values = dict(values)
        folder = Path(values.get("instance_dir") or "instance").absolute()
        values["instance_dir"] = folder
        values.setdefault("app_url", f"http://127.0.0.1:{values.get('web_port') or 8000}")
        values.setdefault("database_url", f"sqlite:///{folder / 'homestream.db'}")
        values.setdefault("signing_key_file", folder / SIGNING_KEY_FILE)
        if "secret_key" not in values:
            values["secret_key"] = read_secret_key(folder)
        return values

    @model_validator(mode="after")
    def _check(self) -> Settings:
        load_signing_key(self.signing_key_file)
        check_together(self)
        return self

    @property
    def objects_url(self) -> str:
        """The URL below which the contents of files are, if FILES_URL is set."""
        endpoint = self.aws_endpoint_url or f"https://s3.{self.aws_region}.amazonaws.com"
        return f"{endpoint}/{self.files_url.removeprefix('s3://')}"

    @property
    def most_events(self) -> int:
        """More events than one answer can have, however long it takes."""
        return int(self.run_timeout / self.flush_interval) * 2 + 2_000

    @property
    def uses_demo_model(self) -> bool:
        """Whether the demo model answers, since neither an endpoint nor a key is set."""
        return not self.openai_base_url and not self.openai_api_key.get_secret_value()

    @property
    def writes_titles(self) -> bool:
        """Whether the model writes titles; the demo model can't, and is asked only if told to."""
        return not self.uses_demo_model if self.model_titles is None else self.model_titles

    @property
    def model_base_url(self) -> str:
        """Base URL of the endpoint in use; a key alone means OpenAI's own endpoint."""
        if self.uses_demo_model:
            return f"http://127.0.0.1:{self.demo_model_port}/v1"
        return self.openai_base_url or OPENAI_URL

    @property
    def mail_server(self) -> MailServer | None:
        """The server that sends e-mails. Without one they are kept, for the operator to read."""
        if self.smtp_url is None:
            return None
        url = self.smtp_url.get_secret_value()
        return MailServer.from_url(url, self.smtp_from, _MAIL_SECONDS)

    @property
    def max_question_bytes(self) -> int:
        """The longest body that a request may have that asks a question with files."""
        return self.max_request_bytes + self.max_files * self.max_file_bytes

    def can_see(self, model: str | None = None) -> bool:
        """Whether the model can see images; without a name, the default one."""
        return can_see(model or self.default_model, self.vision_models)

    @property
    def seeing_models(self) -> tuple[str, ...]:
        """Those of the models that people can choose from, or of the only one, that can see."""
        return tuple(filter(self.can_see, self.model_choices or (self.default_model,)))

    @property
    def sees_images(self) -> bool:
        """Whether a model that may be asked can see."""
        return any(map(self.can_see, (*self.asked_models, *self.model_choices)))

    @property
    def default_model(self) -> str:
        """The model to ask if nobody has chosen one."""
        return self.model or "demo"

    @property
    def asked_models(self) -> tuple[str, ...]:
        """The model to ask if nobody has chosen one, then the fallback if there is one."""
        return tuple(filter(None, (self.default_model, self.fallback_model)))

    @property
    def model_choices(self) -> tuple[str, ...]:
        """The models that people can choose from, the default first; none if there is one alone."""
        names = tuple(dict.fromkeys((self.default_model, *self.models)))
        return names if len(names) > 1 else ()

    @property
    def known_hosts(self) -> frozenset[str]:
        """The hosts that the app answers at, in lower case; with "*" among them, at any."""
        own = frozenset({ascii_host(urlsplit(self.app_url).hostname or "")})
        # `make run` shows the address that it listens at, and people open it.
        listens = frozenset({self.web_host.lower()}) - LOOPBACK_HOSTS - _NO_HOSTS
        loopback = LOOPBACK_HOSTS if own & LOOPBACK_HOSTS else frozenset()
        return own | listens | loopback | self.allowed_hosts

    @property
    def secure(self) -> bool:
        """Whether people reach the app over https, which calls for Secure cookies and HSTS."""
        return self.app_url.startswith("https://")


def load_settings() -> Settings:
    """Read this process's settings. Raises SettingsError with a sentence for each bad one."""
    if unknown := unknown_settings(setting_names()):
        raise SettingsError("\n".join(unknown))
    warn_of_typing_mistakes(setting_names())
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(sentences_of(error))) from None

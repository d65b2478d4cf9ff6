"""Types of the settings: how each is read from text, and what is wrong with a bad value.

A check raises ValueError with the rest of a sentence that begins with the setting's name.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import limits
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""What people call this machine when they sit at it."""
_PLACEHOLDER = re.compile(
    r"…|\.\.\.|^<.*>$|x{4,}$|change[-_ ]?me|\byour[-_ ]"
    r"|^(the|my|its)[-_](api[-_])?(key|token)$|^the-model$|^the-same-",
    re.IGNORECASE,
)
"""Text that stands for a value in examples: `…`, `sk-...`, `<key>`, `your-key-here`."""
_HOST = re.compile(r"\*|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[?[0-9a-f]*:[0-9a-f:.]+\]?")
"""A name, an IPv4 address, an IPv6 address in or without brackets, or `*`."""
_BUCKET = re.compile("s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?")
"""A bucket, and maybe a folder in it, none of whose parts is `.` or `..`."""
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgres", "postgresql", "postgresql+psycopg")


class Price(NamedTuple):
    """What a model costs, in US dollars for a million tokens."""

    prompt: float
    completion: float


def _check_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value().strip()
    if _PLACEHOLDER.search(key):
        raise ValueError("must be a key, not a placeholder; leave it empty if none is needed")
    if not re.fullmatch("[!-~]*", key):
        raise ValueError(
            "must be ASCII letters, digits and signs without spaces, since an HTTP header has to "
            "carry it; copy it again"
        )
    return SecretStr(key)


def _check_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < 32 or _PLACEHOLDER.search(text):
        raise ValueError(
            "must be 32 random characters or more; leave it empty and run `make setup`, which "
            "makes one"
        )
    return value


def _check_model(value: str) -> str:
    if _PLACEHOLDER.search(value):
        raise ValueError("must be the endpoint's name for a model, not a placeholder")
    return value


def _check_http_url(value: str) -> str:
    if value and not _is_http_url(value):
        raise ValueError("must be a URL that starts with http:// or https://")
    return value.rstrip("/")


def _is_http_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return complete and parts.scheme in ("http", "https") and not re.search(r"\s|…", value)


def _check_issuer(value: str) -> str:
    """Keep the text as it is: the provider's tokens name its issuer to the last slash."""
    loopback = value.startswith("http://") and _is_http_url(value)
    loopback = loopback and urlsplit(value).hostname in LOOPBACK_HOSTS
    if value and not (value.startswith("https://") and _is_http_url(value)) and not loopback:
        raise ValueError("must be a URL that starts with https://, or http:// on this machine")
    return value


def _check_database_url(value: str) -> str:
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("must be like postgresql://user:password@host/name") from None
    if url.drivername not in _DRIVERS:
        raise ValueError("must start with postgresql:// or sqlite:///")
    if "@" in (url.host or ""):
        raise ValueError("has an @ in its password; write %40 there")
    return value


def _check_files_url(value: str) -> str:
    if value and not _BUCKET.fullmatch(value):
        raise ValueError("must be like s3://bucket or s3://bucket/folder")
    return value.rstrip("/")


def _check_redis_url(value: str) -> str:
    if value and not _is_redis_url(value):
        raise ValueError(
            "must be like redis://:password@host:6379/0; in a password write %2F for /, %3F for ? "
            "and %23 for #"
        )
    return value


def _is_redis_url(value: str) -> bool:
    # Not above: without REDIS_URL the app can do without its client, which takes 6 MB.
    from redis.connection import parse_url

    try:
        parse_url(value)  # type: ignore[no-untyped-call]
        # An @ behind the host means that a / or the like in the password has cut the host short.
        return "@" not in value or "@" in urlsplit(value).netloc
    except ValueError:
        return False


def _check_rate(value: str) -> str:
    try:
        limits.parse_many(value)
    except ValueError:
        raise ValueError("must be a rate such as 20 per minute") from None
    return value


def _check_server_name(value: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9-]{0,19}", value):
        raise ValueError(
            "must be a name of 1 to 20 lower-case letters, digits and hyphens, a letter first"
        )
    return value


def _parse_pairs(value: Any) -> Any:
    """Parse `name=value name=value` into a dict, in the order given."""
    if not isinstance(value, str):
        return value
    pairs = dict(pair.partition("=")[::2] for pair in value.split())
    if not all(name and other for name, other in pairs.items()):
        raise ValueError("must be pairs such as name=value, with spaces between them")
    return pairs


def _parse_prices(value: Any) -> Any:
    """Parse `model=in/out model=in/out` into a dict."""
    if not isinstance(value, str):
        return value
    try:
        pairs = _parse_pairs(value)
        prices = {name: Price(*map(float, text.split("/"))) for name, text in pairs.items()}
    except (TypeError, ValueError):
        prices = {"": Price(-1, -1)}
    if not all(0 <= each < 1e6 for price in prices.values() for each in price):
        raise ValueError(
            "must be dollars for a million tokens in and out, such as model=0.10/0.40, with spaces "
            "between several"
        )
    return prices


def _parse_names(value: Any) -> Any:
    """Parse `name,name` into a set; spaces may stand for commas."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def ascii_host(host: str) -> str:
    """Return a host name as a request's Host header has it: lower case, in punycode if need be."""
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()


def _parse_hosts(value: Any) -> Any:
    """Parse `name, name` into a set of lower-case host names."""
    if not isinstance(value, str):
        return value
    hosts = frozenset(ascii_host(host.strip()) for host in value.split(",") if host.strip())
    if wrong := next((host for host in hosts if not _HOST.fullmatch(host)), None):
        raise ValueError(
            f"{wrong!r} must be a host name or address without scheme, port and path, such as "
            "app.example.com; write commas between several, or * alone for all"
        )
    return frozenset(host.strip("[]") for host in hosts)


def _parse_servers(value: Any) -> Any:
    """Parse JSON into a dict."""
    try:
        servers = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        servers = None
    if not isinstance(servers, dict):
        raise ValueError('must be JSON such as {"name": {"url": "https://example.com/mcp"}}')
    return servers


Port = Annotated[int, Field(ge=1, le=65535)]
Ports = Annotated[tuple[Port, ...], NoDecode, BeforeValidator(_parse_names)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Minutes = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[str, AfterValidator(_check_rate)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
Key = Annotated[SecretStr, AfterValidator(_check_key)]
Model = Annotated[str, AfterValidator(_check_model)]
Models = Annotated[
    tuple[Annotated[Model, Field(max_length=100)], ...],
    Field(max_length=50),
    NoDecode,
    BeforeValidator(_parse_names),
]
HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
Issuer = Annotated[str, AfterValidator(_check_issuer)]
DatabaseUrl = Annotated[str, AfterValidator(_check_database_url), Field(repr=False)]
RedisUrl = Annotated[str, AfterValidator(_check_redis_url), Field(repr=False)]
FilesUrl = Annotated[str, AfterValidator(_check_files_url)]
Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_parse_pairs)]
Urls = Annotated[dict[str, HttpUrl], NoDecode, BeforeValidator(_parse_pairs)]
Prices = Annotated[dict[str, Price], NoDecode, BeforeValidator(_parse_prices)]
Names = Annotated[frozenset[str], NoDecode, BeforeValidator(_parse_names)]
Approvals = Annotated[
    dict[str, Literal["always", "never"]], NoDecode, BeforeValidator(_parse_pairs)
]
Hosts = Annotated[frozenset[str], NoDecode, BeforeValidator(_parse_hosts)]
# Part of the names of the server's tools, which may have 64 characters in all.
ServerName = Annotated[str, AfterValidator(_check_server_name)]


class McpServer(BaseModel):
    """A server of the Model Context Protocol that is not one of our own services.

    `token` is sent as a bearer token; `tools` are the names of the tools that may be used, None
    for all of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[HttpUrl, Field(repr=False)]
    token: Key | None = None
    tools: frozenset[str] | None = None


McpServers = Annotated[
    dict[ServerName, McpServer], NoDecode, BeforeValidator(_parse_servers), Field(repr=False)
]

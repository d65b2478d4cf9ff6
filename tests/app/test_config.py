"""Settings: each is documented, a bad one stops the start, no secret has a default or is shown."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

import demo_model.config
from app import create_app
from app.auth.key_files import SECRET_KEY_FILE, SIGNING_KEY_FILE, ensure_secrets
from app.config import OPENAI_URL, Settings, load_settings
from app.config_errors import SettingsError
from app.runs.redis_event_log import connect
from scripts.ports import free_port
from tool_services import all_services
from tool_services.all_services import CommonSettings
from tool_services.framework import env_names
from tool_services.framework.env_names import all_settings
from tool_services.framework.service import Service
from tool_services.framework.settings import ServiceSettings

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_secrets(tmp_path)
    return tmp_path


@pytest.fixture
def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with the secrets and no other setting, in a folder without `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("INSTANCE_DIR", str(folder))
    monkeypatch.chdir(folder)
    return monkeypatch


def refusal() -> str:
    """The sentences that the start ends with."""
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value)


def test_with_nothing_set_the_demo_model_answers(settings: pytest.MonkeyPatch) -> None:
    read = load_settings()
    assert read.uses_demo_model
    assert read.model_base_url == "http://127.0.0.1:8003/v1"
    assert read.asked_models == ("demo",)
    assert not read.secure


def test_a_port_moves_every_url_that_contains_it(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("WEB_PORT", "9000")
    settings.setenv("DEMO_MODEL_PORT", "9003")
    read = load_settings()
    assert read.app_url == "http://127.0.0.1:9000"
    assert read.model_base_url == "http://127.0.0.1:9003/v1"


LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.mark.parametrize(
    ("app_url", "allowed", "known"),
    [
        ("", "", LOOPBACK),
        ("http://localhost:9000", "", LOOPBACK),
        ("http://[::1]:9000", "", LOOPBACK),
        ("https://Notes.example", "", {"notes.example"}),
        ("https://münchen.example", "", {"xn--mnchen-3ya.example"}),
        ("https://notes.example", " Other.example ,10.0.0.11,", {"other.example", "10.0.0.11"}),
        ("https://notes.example", "[2001:db8::1], 2001:db8::2", {"2001:db8::1", "2001:db8::2"}),
        ("https://notes.example", "*", {"*"}),
    ],
)
def test_the_app_answers_at_the_host_that_people_type_and_at_those_it_is_told(
    settings: pytest.MonkeyPatch, app_url: str, allowed: str, known: set[str]
) -> None:
    settings.setenv("APP_URL", app_url)
    settings.setenv("ALLOWED_HOSTS", allowed)
    assert load_settings().known_hosts == known | ({"notes.example"} if allowed else set())


@pytest.mark.parametrize(
    ("web_host", "known"),
    [
        *((host, set()) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::")),  # noqa: S104
        *(("10.0.0.11", {"10.0.0.11"}), ("2001:db8::1", {"2001:db8::1"}), ("Node", {"node"})),
    ],
)
def test_the_app_answers_at_the_address_that_it_is_told_to_listen_at(
    settings: pytest.MonkeyPatch, web_host: str, known: set[str]
) -> None:
    settings.setenv("APP_URL", "https://notes.example")
    settings.setenv("WEB_HOST", web_host)
    assert load_settings().known_hosts == known | {"notes.example"}


def test_a_key_alone_means_openais_own_endpoint(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("OPENAI_API_KEY", " sk-1\n")
    settings.setenv("MODEL", "m")
    settings.setenv("FALLBACK_MODEL", "n")
    read = load_settings()
    assert (read.model_base_url, read.asked_models) == (OPENAI_URL, ("m", "n"))
    assert read.openai_api_key.get_secret_value() == "sk-1"


def test_services_are_pairs_of_name_and_url(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TOOL_SERVICES", "a=http://x:1/ b=https://y")
    settings.setenv("TOOL_EXCHANGES", "a=b")
    read = load_settings()
    assert read.tool_services == {"a": "http://x:1", "b": "https://y"}
    assert read.tool_exchanges == {"a": "b"}


def test_other_servers_are_one_line_of_json(settings: pytest.MonkeyPatch) -> None:
    settings.setenv(
        "MCP_SERVERS",
        '{"weather": {"url": "https://x/mcp", "token": "t0ken", "tools": ["forecast"]}}',
    )
    [(name, server)] = load_settings().mcp_servers.items()
    assert (name, server.url, server.tools) == (
        "weather",
        "https://x/mcp",
        frozenset({"forecast"}),
    )
    assert server.token
    assert server.token.get_secret_value() == "t0ken"


def test_no_two_servers_share_a_name(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TOOL_SERVICES", "weather=http://x:1")
    settings.setenv("MCP_SERVERS", '{"weather": {"url": "https://x/mcp"}}')
    assert "MCP_SERVERS and TOOL_SERVICES" in refusal()


def test_env_file_is_read_and_the_environment_wins(
    settings: pytest.MonkeyPatch, folder: Path
) -> None:
    (folder / ".env").write_text("MAX_STEPS=3\nMAX_RUNS=7\n")
    settings.setenv("MAX_RUNS", "8")
    assert (load_settings().max_steps, load_settings().max_runs) == (3, 8)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("OPENAI_API_KEYS=sk-1", "OPENAI_API_KEY"),
        ("export Max_Run=7", "MAX_RUNS"),
        ("DEMO_MODEL_SPACE=3", "DEMO_MODEL_PACE"),
        ("SOMETHING=1", ".env.example"),
    ],
)
def test_a_name_in_the_env_file_that_is_no_setting_is_refused(
    settings: pytest.MonkeyPatch, folder: Path, line: str, meant: str
) -> None:
    (folder / ".env").write_text(f"# MAX_RUN\nMAX_STEPS=3\nFLASK_DEBUG=1\n{line}\n")
    [sentence] = refusal().splitlines()
    name = line.removeprefix("export ").partition("=")[0]
    assert sentence.startswith(f"{name} ")
    assert meant in sentence


def test_a_variable_that_is_nearly_a_setting_is_warned_about(
    settings: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.setenv("DATABASE_ULR", "postgresql://host/name")
    settings.setenv("MODE", "prod")
    env_names._warn.cache_clear()
    load_settings()
    [warning] = [each for each in caplog.messages if "DATABASE_ULR" in each or "MODE " in each]
    assert "DATABASE_URL" in warning


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_PORT", "abc"),
        ("WEB_PORT", "0"),
        ("WEB_PORT", "70000"),
        ("RUN_TIMEOUT", "-1"),
        ("RUN_TIMEOUT", "inf"),
        ("RUN_TIMEOUT", "soon"),
        ("MAX_STEPS", "0"),
        ("MAX_STEPS", "2.5"),
        ("APP_URL", "notes.example"),
        ("APP_URL", "http://"),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("OPENAI_BASE_URL", "http://localhost:port"),
        ("DATABASE_URL", "homestream.db"),
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "postgresql://host:port/name"),
        ("REDIS_URL", "host:6379"),
        ("REDIS_URL", "redis://host:port"),
        ("WEB_WORKERS", "2"),
        ("LONGEST_FLUSH_INTERVAL", "0.01"),
        ("TOOL_SERVICES", "notes"),
        ("TOOL_SERVICES", "notes=8001"),
        ("TOOL_EXCHANGES", "a"),
        ("APPROVALS", "a=sometimes"),
        ("MCP_SERVERS", "https://x/mcp"),
        ("MCP_SERVERS", "[]"),
        ("MCP_SERVERS", '{"A B": {"url": "https://x/mcp"}}'),
        ("MCP_SERVERS", '{"a": {"url": "x"}}'),
        ("MCP_SERVERS", '{"a": {"token": "t"}}'),
        ("MCP_SERVERS", '{"a": {"url": "https://x/mcp", "tokens": "t"}}'),
        ("SIGN_IN_LIMIT", "often"),
        ("SECRET_KEY", "short"),
        ("SIGNING_KEY_FILE", "/nowhere/key.pem"),
        ("TRUSTED_PROXIES", "-1"),
        ("ALLOWED_HOSTS", "https://notes.example"),
        ("ALLOWED_HOSTS", "notes.example, notes.example:8000"),
        ("ALLOWED_HOSTS", "notes.example other.example"),
        ("ALLOWED_HOSTS", "*.notes.example"),
        ("FILES_URL", "https://bucket.example"),
        ("FILES_URL", "s3://bucket/../other"),
        ("AWS_ENDPOINT_URL", "storage.example"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_the_setting(
    settings: pytest.MonkeyPatch, name: str, value: str
) -> None:
    settings.setenv(name, value)
    [sentence] = refusal().splitlines()
    assert name in sentence


def test_a_bucket_for_files_needs_its_keys(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("FILES_URL", "s3://bucket/folder")
    settings.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    assert refusal().startswith("FILES_URL needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")


def test_one_process_and_several_workers_exclude_each_other(settings: pytest.MonkeyPatch) -> None:
    for name, value in {"ONE_PROCESS": "1", "WEB_WORKERS": "2", "REDIS_URL": "redis://x"}.items():
        settings.setenv(name, value)
    assert refusal().startswith("ONE_PROCESS and WEB_WORKERS=2 can't both be set")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("OPENAI_API_KEY", key) for key in ("…", "sk-...", "<key>", "your-key-here", "sk-xxxx")),
        ("MODEL", "…"),
        ("FALLBACK_MODEL", "…"),
        ("OPENAI_BASE_URL", "https://…"),
        ("MCP_SERVERS", '{"a": {"url": "https://x/mcp", "token": "…"}}'),
        ("SECRET_KEY", "the-same-long-random-text-on-every-node"),
    ],
)
def test_a_placeholder_from_an_example_is_refused(
    settings: pytest.MonkeyPatch, name: str, value: str
) -> None:
    settings.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    settings.setenv("MODEL", "m")
    settings.setenv(name, value)
    assert name in refusal()


@pytest.mark.parametrize("key", ["sk-1 # mine", "sk-é", "sk-1\r\nX: y", "“sk-1”"])
def test_a_key_that_no_header_can_carry_is_refused(settings: pytest.MonkeyPatch, key: str) -> None:
    settings.setenv("OPENAI_API_KEY", key)
    settings.setenv("MODEL", "m")
    assert "OPENAI_API_KEY" in refusal()


@pytest.mark.parametrize(
    "model", ["qwen3:8b", "openai/gpt-5", "my-model", "models/Qwen3 8B.gguf", "ft:gpt:acme::9xXx"]
)
def test_names_that_endpoints_use_for_models_are_accepted(
    settings: pytest.MonkeyPatch, model: str
) -> None:
    settings.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    settings.setenv("MODEL", model)
    assert load_settings().asked_models == (model,)


def test_a_real_endpoint_needs_a_model(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    assert refusal().startswith("MODEL ")


PROVIDER = {
    "OIDC_ISSUER": "https://id.example.com/",
    "OIDC_CLIENT_ID": "homestream",
    "OIDC_CLIENT_SECRET": "s3cret-of-ours",
}


def test_a_provider_needs_all_three_of_its_settings(settings: pytest.MonkeyPatch) -> None:
    for missing in PROVIDER:
        for name, value in PROVIDER.items():
            settings.setenv(name, "" if name == missing else value)
        assert "set all three" in refusal()
        assert PROVIDER["OIDC_CLIENT_SECRET"] not in refusal()
    settings.setenv("OIDC_CLIENT_SECRET", PROVIDER["OIDC_CLIENT_SECRET"])
    assert load_settings().oidc_issuer == PROVIDER["OIDC_ISSUER"]
    settings.setenv("OIDC_SCOPES", "email")
    assert refusal().startswith("OIDC_SCOPES lacks openid")


@pytest.mark.parametrize(
    ("issuer", "is_good"),
    [
        *((f"http://{host}:8080", True) for host in ("127.0.0.1", "localhost", "[::1]")),
        *((url, False) for url in ("http://id.example.com", "id.example.com", "https://")),
        *((url, False) for url in ("http://localhost.example.com", "ftp://127.0.0.1")),
    ],
)
def test_a_provider_is_asked_over_https_unless_it_is_on_this_machine(
    settings: pytest.MonkeyPatch, issuer: str, is_good: bool
) -> None:
    for name, value in (PROVIDER | {"OIDC_ISSUER": issuer}).items():
        settings.setenv(name, value)
    if is_good:
        assert load_settings().oidc_issuer == issuer
    else:
        assert refusal().startswith("OIDC_ISSUER ")


@pytest.mark.parametrize("missing", [SECRET_KEY_FILE, SIGNING_KEY_FILE])
def test_a_missing_secret_has_no_default(
    settings: pytest.MonkeyPatch, folder: Path, missing: str
) -> None:
    (folder / missing).unlink()
    assert "make setup" in refusal()


def test_a_key_of_another_kind_is_refused(settings: pytest.MonkeyPatch, folder: Path) -> None:
    file = folder / SIGNING_KEY_FILE
    for other in (b"no key", _ed25519()):
        file.write_bytes(other)
        assert str(file) in refusal()


def _ed25519() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "sesame"),
        ("OPENAI_API_KEY", "sk-sesame…"),
        ("MCP_SERVERS", '{"a": {"url": "https://x/mcp", "token": "sesame"'),
        ("MCP_SERVERS", '{"a": {"url": "https://x/mcp", "token": "sesame …"}}'),
        ("REDIS_URL", "rediss:sesame@host"),
        ("REDIS_URL", "redis://:/sesame@host:6379"),
        ("REDIS_URL", "redis://:sesame/#@host:6379"),
        ("DATABASE_URL", "user:sesame@host/name"),
        ("DATABASE_URL", "mysql://user:sesame@host/name"),
        ("DATABASE_URL", "postgresql://user:p@sesame@host/name"),
        ("DATABASE_URL", "postgresql://user:sesame@host:port/name"),
        ("OPENAI_BASE_URL", "ftp://user:sesame@host"),
        ("SMTP_URL", "sntp://user:sesame@host"),
    ],
)
def test_a_refused_value_does_not_show_its_secret(
    settings: pytest.MonkeyPatch, name: str, value: str
) -> None:
    settings.setenv(name, value)
    sentence = refusal()
    assert name in sentence
    assert "sesame" not in sentence


def test_accepted_settings_do_not_show_their_secrets(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("SECRET_KEY", "sesame " * 8)
    settings.setenv("OPENAI_API_KEY", "sk-sesame")
    settings.setenv("MODEL", "m")
    settings.setenv("MCP_SERVERS", '{"a": {"url": "https://x/mcp", "token": "sesame"}}')
    settings.setenv("REDIS_URL", "redis://:sesame@host:6379")
    settings.setenv("DATABASE_URL", "postgresql://user:sesame@host/name")
    assert "sesame" not in repr(load_settings())


SERVE = """
from gevent import monkey
monkey.patch_all()
import gevent, wsgi
wsgi.app.extensions["services"].start()
wsgi.app.test_client().post("/auth/login", json={"email": "a@example.com", "password": "p"})
gevent.sleep(0.5)
wsgi.app.extensions["services"].stop()
"""


def run(script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process that has these settings alone."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "INSTANCE_DIR": str(folder)}
        | env,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_engines_that_are_away_are_logged_without_their_passwords(folder: Path) -> None:
    valkey, postgres = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    ended = run(
        SERVE,
        folder,
        REDIS_URL=f"redis://:sesame@{valkey}/0",
        DATABASE_URL=f"postgresql://user:sesame@{postgres}/name",
    )
    assert ended.returncode == 0, ended.stdout
    assert "Redis is away" in ended.stdout
    assert "the database is away" in ended.stdout
    assert "sesame" not in ended.stdout


@pytest.mark.slow
def test_a_bad_setting_stops_gunicorn_with_the_sentence_alone(folder: Path) -> None:
    ended = run("import wsgi", folder, RUN_TIMEOUT="soon")
    assert ended.returncode == 3, "gunicorn gives up on this code alone"
    assert len(ended.stdout.splitlines()) == 1
    assert "RUN_TIMEOUT" in ended.stdout


@pytest.mark.parametrize("workers", ["many", "0"])
def test_a_bad_number_of_workers_stops_gunicorn_with_the_sentence_alone(
    folder: Path, workers: str
) -> None:
    script = f"import runpy; runpy.run_path({str(ROOT / 'gunicorn.conf.py')!r})"
    ended = run(script, folder, WEB_WORKERS=workers)
    assert ended.returncode == 1
    assert ended.stdout == f"WEB_WORKERS is {workers!r}, but must be a whole number from 1\n"


def test_redis_can_be_reached_by_a_unix_socket(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("REDIS_URL", "unix:///nowhere.sock")
    create_app()
    with pytest.raises(redis.ConnectionError, match=r"nowhere\.sock"):
        connect(load_settings().redis_url).ping()


def test_secrets_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "instance"
    ensure_secrets(folder)
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(made) == {SECRET_KEY_FILE, SIGNING_KEY_FILE}
    ensure_secrets(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    other = tmp_path / "other"
    ensure_secrets(other)
    assert not {path.read_bytes() for path in other.iterdir()} & set(made.values())


def test_every_setting_is_documented_and_every_documented_one_is_there() -> None:
    classes = (Settings, ServiceSettings, CommonSettings, demo_model.config.Settings)
    read = {
        str(field.validation_alias or f"{each.model_config.get('env_prefix', '')}{name}").upper()
        for each in classes
        for name, field in each.model_fields.items()
    }
    assert all_settings() == read


@pytest.mark.parametrize("service", all_services.services(), ids=lambda service: service.name)
def test_a_services_own_settings_are_documented_in_its_folder(service: Service) -> None:
    own = {name.upper() for name in service.settings.model_fields} - all_settings()
    example = service.folder / ".env.example"
    documented = example.read_text() if example.exists() else ""
    assert set(re.findall(r"^#([A-Z_]+)=", documented, re.M)) == own


def test_no_documented_secret_has_a_value() -> None:
    example = (ROOT / ".env.example").read_text()
    assert re.findall(r"^#?(?:SECRET_KEY|OPENAI_API_KEY)=(.*)$", example, re.M) == ["", ""]

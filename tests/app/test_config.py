"""Settings: each is documented, a bad one stops the start, no secret has a default."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import demo_model.config
import tool_services.settings
from app.auth.key_files import SECRET_KEY_FILE, SIGNING_KEY_FILE, ensure_secrets
from app.config import OPENAI_URL, Settings, SettingsError, load_settings

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_secrets(tmp_path)
    return tmp_path


@pytest.fixture
def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment, clean but for where the secrets are; no .env is in reach."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("INSTANCE_DIR", str(folder))
    monkeypatch.chdir(folder)
    return monkeypatch


def test_with_nothing_set_the_demo_model_answers(settings: pytest.MonkeyPatch) -> None:
    read = load_settings()
    assert read.uses_demo_model
    assert read.model_base_url == "http://127.0.0.1:8003/v1"
    assert read.models == ("demo",)
    assert list(read.tool_services) == ["listings", "analytics"]
    assert not read.secure


def test_a_port_moves_all_that_hangs_on_it(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("WEB_PORT", "9000")
    settings.setenv("LISTINGS_PORT", "9001")
    settings.setenv("DEMO_MODEL_PORT", "9003")
    read = load_settings()
    assert read.app_url == "http://127.0.0.1:9000"
    assert read.tool_services["listings"] == "http://127.0.0.1:9001"
    assert read.model_base_url == "http://127.0.0.1:9003/v1"


def test_a_key_alone_means_openais_own_endpoint(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("OPENAI_API_KEY", "sk-x")
    settings.setenv("MODEL", "m")
    settings.setenv("FALLBACK_MODEL", "n")
    read = load_settings()
    assert (read.model_base_url, read.models) == (OPENAI_URL, ("m", "n"))
    assert "sk-x" not in repr(read)


def test_services_are_pairs_of_name_and_address(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TOOL_SERVICES", "a=http://x:1/ b=https://y")
    settings.setenv("TOOL_EXCHANGES", "a=b")
    read = load_settings()
    assert read.tool_services == {"a": "http://x:1", "b": "https://y"}
    assert read.tool_exchanges == {"a": "b"}


def test_other_servers_are_one_line_and_their_tokens_are_not_shown(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv(
        "MCP_SERVERS",
        '{"weather": {"url": "https://x/mcp", "token": "t0ken", "tools": ["forecast"]}}',
    )
    [(name, server)] = load_settings().mcp_servers.items()
    assert (name, server.url, server.tools) == ("weather", "https://x/mcp", {"forecast"})
    assert "t0ken" not in repr(load_settings())
    settings.setenv("MCP_SERVERS", '{"weather": {"url": "https://x/mcp", "token": "t0ken"')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "MCP_SERVERS" in str(refused.value)
    assert "t0ken" not in str(refused.value)


def test_a_file_is_read_and_the_environment_wins(
    settings: pytest.MonkeyPatch, folder: Path
) -> None:
    (folder / ".env").write_text("MAX_STEPS=3\nMAX_RUNS=7\nSOMETHING_ELSE=1\n")
    settings.setenv("MAX_RUNS", "8")
    assert (load_settings().max_steps, load_settings().max_runs) == (3, 8)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_PORT", "abc"),
        ("WEB_PORT", "0"),
        ("WEB_PORT", "70000"),
        ("RUN_TIMEOUT", "-1"),
        ("RUN_TIMEOUT", "soon"),
        ("MAX_STEPS", "0"),
        ("MAX_STEPS", "2.5"),
        ("APP_URL", "homes.example"),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("TOOL_SERVICES", "listings"),
        ("TOOL_SERVICES", "listings=8001"),
        ("TOOL_EXCHANGES", "a"),
        ("MCP_SERVERS", "https://x/mcp"),
        ("MCP_SERVERS", "[]"),
        ("MCP_SERVERS", '{"A B": {"url": "https://x/mcp"}}'),
        ("MCP_SERVERS", '{"a": {"url": "x"}}'),
        ("MCP_SERVERS", '{"a": {"url": "https://x/mcp", "tokens": "t"}}'),
        ("MCP_SERVERS", '{"listings": {"url": "https://x/mcp"}}'),
        ("SIGN_IN_LIMIT", "often"),
        ("SECRET_KEY", "short"),
        ("SIGNING_KEY_FILE", "/nowhere/key.pem"),
        ("TRUSTED_PROXIES", "-1"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_the_setting(
    settings: pytest.MonkeyPatch, name: str, value: str
) -> None:
    settings.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    [sentence] = str(caught.value).splitlines()
    assert name in sentence
    assert sentence.endswith(".")


def test_a_real_endpoint_needs_a_model(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    with pytest.raises(SettingsError, match="MODEL is missing"):
        load_settings()


@pytest.mark.parametrize("missing", [SECRET_KEY_FILE, SIGNING_KEY_FILE])
def test_a_missing_secret_has_no_default(
    settings: pytest.MonkeyPatch, folder: Path, missing: str
) -> None:
    (folder / missing).unlink()
    with pytest.raises(SettingsError, match="make setup"):
        load_settings()


@pytest.mark.slow
def test_a_bad_setting_stops_the_start_with_the_sentence_alone(folder: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "RUN_TIMEOUT": "soon"}
    env["INSTANCE_DIR"] = str(folder)
    command = [sys.executable, "-c", "import wsgi"]
    ended = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 3, "gunicorn gives up on this code alone"
    assert ended.stderr.startswith("RUN_TIMEOUT is 'soon'")
    assert "Traceback" not in ended.stderr


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
    documented = set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    classes = (Settings, tool_services.settings.Settings, demo_model.config.Settings)
    known = {
        f"{each.model_config.get('env_prefix', '')}{name}".upper()
        for each in classes
        for name in each.model_fields
    }
    assert documented == known


def test_no_documented_secret_has_a_value() -> None:
    text = (ROOT / ".env.example").read_text()
    assert re.findall(r"^#?(?:SECRET_KEY|OPENAI_API_KEY)=(.*)$", text, re.M) == ["", ""]

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tool_services.framework.settings import (
    STOP_EXIT_CODE,
    default_exchanges,
    default_urls,
    load_settings,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.endswith(("_PORT", "_URL"))]:
        monkeypatch.delenv(name)
    for name in ("INSTANCE_DIR", "TOOL_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_needs_to_be_set(empty_environment: Path) -> None:
    settings = load_settings()
    assert settings.app_url == "http://127.0.0.1:8000"
    assert settings.jwks_url == "http://127.0.0.1:8000/.well-known/jwks.json"
    assert settings.token_url == "http://127.0.0.1:8000/oauth/token"
    assert settings.instance_dir == empty_environment / "instance"
    assert settings.listings_database_url == f"sqlite:///{empty_environment}/instance/listings.db"
    assert settings.analytics_database_url == f"sqlite:///{empty_environment}/instance/analytics.db"


def test_the_app_learns_where_the_services_are(empty_environment: Path) -> None:
    assert default_urls() == {
        "listings": "http://127.0.0.1:8001",
        "analytics": "http://127.0.0.1:8002",
    }


def test_a_service_may_act_only_at_services_that_there_are(empty_environment: Path) -> None:
    pairs = default_exchanges()
    assert pairs == {"analytics": "listings"}
    assert {*pairs, *pairs.values()} <= default_urls().keys()


def test_one_port_setting_moves_every_url_that_builds_on_it(
    empty_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_PORT", "9000")
    monkeypatch.setenv("LISTINGS_PORT", "9001")
    settings = load_settings()
    assert settings.token_url == "http://127.0.0.1:9000/oauth/token"
    assert settings.listings_url == "http://127.0.0.1:9001"


def test_a_dotenv_file_is_read_and_empty_lines_of_it_mean_the_default(
    empty_environment: Path,
) -> None:
    (empty_environment / ".env").write_text(
        "LISTINGS_URL=https://listings.example.com/\nANALYTICS_URL=\nMODEL=other\n"
    )
    assert default_urls() == {
        "listings": "https://listings.example.com",
        "analytics": "http://127.0.0.1:8002",
    }


def test_a_name_in_the_dotenv_file_that_is_no_setting_stops_the_start(
    empty_environment: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (empty_environment / ".env").write_text("MODEL=other\nSMTP_ULR=smtp://host\n")
    with pytest.raises(SystemExit):
        load_settings()
    assert "SMTP_URL" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTINGS_PORT", "eighty"),
        ("ANALYTICS_PORT", "70000"),
        ("WEB_PORT", "0"),
        ("APP_URL", "localhost"),
        ("JWKS_URL", "file:///etc/passwd"),
        ("TOOL_TIMEOUT", "-1"),
    ],
)
def test_a_bad_setting_stops_the_start_with_a_sentence_that_names_it(
    empty_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load_settings()
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == STOP_EXIT_CODE
    assert len(lines) == 1
    assert lines[0].startswith(f"{name} is {value!r}, which will not do: ")
    assert lines[0].endswith("Change it in .env or in the environment.")


def test_gunicorn_gives_up_when_a_setting_is_bad(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", "127.0.0.1:0"]
    ended = subprocess.run(
        [*command, "tool_services.listings:create_app()"],
        env={**os.environ, "LISTINGS_PORT": "eighty", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == STOP_EXIT_CODE
    assert "LISTINGS_PORT is 'eighty'" in ended.stderr
    assert "Traceback" not in ended.stderr

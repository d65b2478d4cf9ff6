"""Settings: each has a default, a bad one stops the start with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.notes.app import NotesSettings
from tool_services.framework.settings import STOP_EXIT_CODE, load_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any setting, and a folder without a .env."""
    for name in NotesSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_nothing_needs_to_be_set(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load_settings(NotesSettings)
    assert settings.notes_url == "http://127.0.0.1:8009"
    assert settings.jwks_url == "http://127.0.0.1:8000/.well-known/jwks.json"
    assert settings.token_url == "http://127.0.0.1:8000/oauth/token"
    assert settings.instance_dir == tmp_path / "instance"
    assert settings.notes_database_url == f"sqlite:///{tmp_path}/instance/notes.db"


def test_a_port_moves_every_url_that_builds_on_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WEB_PORT", "9000")
    environment.setenv("NOTES_PORT", "9001")
    settings = load_settings(NotesSettings)
    assert settings.token_url == "http://127.0.0.1:9000/oauth/token"
    assert settings.notes_url == "http://127.0.0.1:9001"


def test_a_dotenv_file_is_read_and_an_empty_line_of_it_means_the_default(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("NOTES_URL=https://notes.example.com/\nAPP_URL=\nMODEL=x\n")
    settings = load_settings(NotesSettings)
    assert settings.notes_url == "https://notes.example.com"
    assert settings.app_url == "http://127.0.0.1:8000"


def test_a_name_in_the_dotenv_file_that_is_no_setting_stops_the_start(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("MODEL=x\nTOOL_TIMOUT=5\n")
    with pytest.raises(SystemExit):
        load_settings(NotesSettings)
    [line] = capsys.readouterr().err.splitlines()
    assert "TOOL_TIMEOUT" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTES_PORT", "eighty"),
        ("WEB_PORT", "0"),
        ("WEB_PORT", "70000"),
        ("APP_URL", "localhost"),
        ("JWKS_URL", "file:///etc/passwd"),
        ("TOOL_TIMEOUT", "-1"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_sentence_that_names_it(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load_settings(NotesSettings)
    [line] = capsys.readouterr().err.splitlines()
    assert stopped.value.code == STOP_EXIT_CODE
    assert line.startswith(f"{name} is {value!r}")


@pytest.mark.slow
def test_gunicorn_gives_up_when_a_setting_is_bad(tmp_path: Path) -> None:
    app = "tool_services.app:create_app('notes')"
    folder = {"TOOL_SERVICES_FOLDER": str(ROOT / "tests" / "support")}
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", "127.0.0.1:0", app],
        env={**os.environ, **folder, "NOTES_PORT": "eighty", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == STOP_EXIT_CODE
    assert "NOTES_PORT is 'eighty'" in ended.stderr
    assert "Traceback" not in ended.stderr

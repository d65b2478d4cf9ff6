"""A bad setting stops the start with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo_model import CANNOT_LOAD, create_app
from demo_model.api import PACE
from demo_model.config import Settings, load_settings


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEMO_MODEL_PACE", raising=False)
    monkeypatch.delenv("DEMO_MODEL_PORT", raising=False)


def test_settings_come_from_the_environment_or_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("DEMO_MODEL_PACE=0\nDEMO_MODEL_PORT=9000\nOTHER=1\n")
    monkeypatch.setenv("DEMO_MODEL_PORT", "9001")
    assert (load_settings().port, load_settings().pace) == (9001, 0)
    assert create_app().config[PACE] == 0


@pytest.mark.parametrize(
    ("phrases", "words"),
    [
        ("[tool", "lamps/phrases.toml can't be read"),
        ("tool.light.ask = ['(on']", "The pattern '(on' in the phrases is wrong"),
        ("tool.light.ask = ['on {lamp}']", "The pattern 'on {lamp}' in the phrases is wrong"),
        ("thing.lamp.id = 'lampId'", "thing 'lamp' lack find, list, pattern, told"),
    ],
)
def test_phrases_that_cant_be_used_stop_the_start_with_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, phrases: str, words: str
) -> None:
    (tmp_path / "lamps").mkdir()
    (tmp_path / "lamps/phrases.toml").write_text(phrases)
    with pytest.raises(SystemExit) as ended:
        create_app(Settings(tool_services_folder=tmp_path))
    assert ended.value.code == CANNOT_LOAD
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOOL_SERVICES_FOLDER", "/nowhere"),
        ("DEMO_MODEL_PORT", "70000"),
        ("DEMO_MODEL_PACE", "inf"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        create_app()
    assert ended.value.code == CANNOT_LOAD
    assert f"{name} is '{value}'" in capsys.readouterr().err

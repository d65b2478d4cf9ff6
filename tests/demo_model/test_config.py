"""A bad setting stops the start with a sentence."""

from __future__ import annotations

import pytest

from demo_model import CANNOT_LOAD, create_app
from demo_model.api import PACE
from demo_model.config import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEMO_MODEL_PACE", raising=False)
    monkeypatch.delenv("DEMO_MODEL_PORT", raising=False)


def test_without_settings_there_are_defaults():
    assert (load_settings().port, load_settings().pace) == (8003, 40.0)


def test_settings_come_from_the_environment_or_the_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("DEMO_MODEL_PACE=0\nDEMO_MODEL_PORT=9000\nOTHER=1\n")
    monkeypatch.setenv("DEMO_MODEL_PORT", "9001")
    assert (load_settings().port, load_settings().pace) == (9001, 0)
    assert create_app().config[PACE] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEMO_MODEL_PORT", "70000"),
        ("DEMO_MODEL_PORT", "web"),
        ("DEMO_MODEL_PACE", "-1"),
        ("DEMO_MODEL_PACE", "inf"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} is '{value}', but"):
        load_settings()
    with pytest.raises(SystemExit) as ended:
        create_app()
    assert ended.value.code == CANNOT_LOAD
    assert name in capsys.readouterr().err

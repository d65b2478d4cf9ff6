"""`make eval` as a whole, and what of the environment reaches the product that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import load_settings
from scripts import ROOT
from scripts.evals.cases import read_cases
from scripts.run_evals import product_env
from scripts.services import configured_services


def test_no_setting_but_the_models_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", str(ROOT / "tests" / "support"))
    monkeypatch.setenv("MODEL", "small")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("RUN_TIMEOUT", "900")
    others = {
        "NOTES_URL": "http://notes.in.use",
        "NOTES_DATABASE_URL": "postgresql://in.use/notes",
        "SMTP_URL": "smtps://mail.in.use",
        "smtp_from": "Notes <notes@in.use>",
    }
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    configured_services()
    env = product_env(load_settings(), ["NOTES_PORT"], tmp_path / "new")
    assert not env.keys() & others.keys()
    assert (env["MODEL"], env["OPENAI_BASE_URL"]) == ("small", "http://127.0.0.1:9/v1")
    assert float(env["RUN_TIMEOUT"]) == 900
    assert (env["FIND_LOCAL_MODEL"], env["ONE_PROCESS"]) == ("false", "true")


@pytest.mark.slow
def test_a_new_domains_questions_are_asked_of_the_demo_model_without_any_setting(
    tmp_path: Path,
) -> None:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    folder = tmp_path / "library"
    folder.mkdir()
    env = inherited | {
        "PYTHONPATH": str(ROOT),
        "NAME": "books",
        "TOOL_SERVICES_FOLDER": str(folder),
        "FIND_LOCAL_MODEL": "false",
        "DEMO_MODEL_PACE": "0",
    }

    def run(module: str) -> str:
        command = [sys.executable, "-m", module]
        return subprocess.run(
            command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True
        ).stdout

    run("scripts.new_service")
    asked = len(read_cases(folder / "books" / "evals.toml"))
    assert f"All of it right: {asked}." in run("scripts.run_evals")

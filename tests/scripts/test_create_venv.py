"""Which Python the virtual environment is made with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import ROOT

OLD = "exit 1"
NEW = '[ "$1" = -c ] || echo "$0" >>calls'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The only folder on the search path."""
    remove = shutil.which("rm")
    assert remove is not None
    (tmp_path / "rm").symlink_to(remove)
    return tmp_path


def add_python(path: Path, source: str) -> None:
    path.write_text(f"#!/bin/sh\n{source}\n")
    path.chmod(0o755)


def create_venv(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(ROOT / "scripts" / "create_venv.sh"), "venv"]
    env = {"PATH": str(folder), **env}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_python_that_is_too_old_is_refused(folder: Path) -> None:
    add_python(folder / "python3", OLD)
    result = create_venv(folder)
    assert result.returncode == 1
    assert "3.11" in result.stderr


def test_a_newer_python_is_found_under_another_name(folder: Path) -> None:
    add_python(folder / "python3", OLD)
    add_python(folder / "python3.13", NEW)
    assert create_venv(folder).returncode == 0
    assert (folder / "calls").read_text() == f"{folder}/python3.13\n"


def test_the_python_that_a_person_names_is_used(folder: Path) -> None:
    add_python(folder / "python3", NEW)
    add_python(folder / "my python", NEW)
    assert create_venv(folder, PYTHON=str(folder / "my python")).returncode == 0
    assert (folder / "calls").read_text() == f"{folder}/my python\n"


def test_a_python_without_its_venv_module_leaves_nothing_behind(folder: Path) -> None:
    add_python(folder / "python3", '[ "$1" = -c ] || { /bin/mkdir venv; exit 1; }')
    result = create_venv(folder)
    assert result.returncode == 1
    assert "python3-venv" in result.stderr
    assert not (folder / "venv").exists()

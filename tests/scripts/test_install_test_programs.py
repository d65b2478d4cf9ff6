"""Programs that the tests run: left alone, installed, or named when the machine can't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT

# Records its arguments, and installs what the last of them names.
APT_GET = """
echo "$@" >>{folder}/calls
for name; do :; done
[ "$2" = install ] || exit 0
echo '#!/bin/sh' >{folder}/$name
/bin/chmod +x {folder}/$name
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with Chromium, Firefox and nginx, as the only one on the search path."""
    add_program(tmp_path, "chromium")
    add_program(tmp_path, "firefox-esr")
    add_program(tmp_path, "nginx")
    add_program(tmp_path, "sudo", 'exec "$@"')
    return tmp_path


def add_program(folder: Path, name: str, source: str = "") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{source}\n")
    (folder / name).chmod(0o755)


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": str(folder)}
    command = [sys.executable, "-m", "scripts.install_test_programs"]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


def test_nothing_is_installed_when_all_programs_are_there(folder: Path) -> None:
    add_program(folder, "w3m")
    add_program(folder, "apt-get", APT_GET.format(folder=folder))
    assert run(folder).returncode == 0
    assert not (folder / "calls").exists()


def test_a_missing_program_is_installed(folder: Path) -> None:
    add_program(folder, "apt-get", APT_GET.format(folder=folder))
    assert run(folder).returncode == 0
    assert (folder / "calls").read_text().splitlines() == ["-qq update", "-qq install -y w3m"]


def test_a_program_that_cannot_be_installed_is_named(folder: Path) -> None:
    result = run(folder)
    assert result.returncode == 1
    assert "w3m" in result.stderr
    assert "nginx" not in result.stderr

"""Chromium and w3m: found, or installed with what the machine has, or named in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import browsers

ROOT = Path(__file__).resolve().parents[2]
# Nowhere: neither a Chromium of Playwright's own nor a way to fetch one.
NO_PLAYWRIGHT = {"PLAYWRIGHT_BROWSERS_PATH": "/nonexistent", "PLAYWRIGHT_DOWNLOAD_HOST": "x://"}

AddProgram = Callable[..., None]


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty search path, so that the machine has the programs of the test only."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def add_program(bin_folder: Path) -> AddProgram:
    def add(name: str, body: str = "exit 0") -> None:
        (bin_folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (bin_folder / name).chmod(0o755)

    return add


def run(bin_folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **NO_PLAYWRIGHT, "PATH": str(bin_folder)}
    command = [sys.executable, "-m", "scripts.browsers"]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


def apt_get(bin_folder: Path) -> str:
    """A package system that writes down what it is asked, and brings what it is asked for."""
    return (
        f'echo "$@" >>"{bin_folder}/calls"\n'
        f'for name; do :; done\n[ "$1" = install ] || exit 0\n'
        f'echo "#!/bin/sh" >"{bin_folder}/$name"\n/bin/chmod +x "{bin_folder}/$name"'
    )


@pytest.mark.parametrize("name", browsers.CHROMIUM_NAMES)
def test_any_installed_chromium_or_chrome_will_do(
    name: str, bin_folder: Path, add_program: AddProgram
) -> None:
    add_program(name)
    assert browsers.chromium() == str(bin_folder / name)


def test_nothing_is_installed_when_both_are_there(
    bin_folder: Path, add_program: AddProgram
) -> None:
    add_program("chromium")
    add_program("w3m")
    add_program("apt-get", apt_get(bin_folder))
    result = run(bin_folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert not (bin_folder / "calls").exists()


def test_on_debian_what_is_missing_is_installed(bin_folder: Path, add_program: AddProgram) -> None:
    add_program("chromium")
    add_program("apt-get", apt_get(bin_folder))
    add_program("sudo", 'exec "$@"')
    result = run(bin_folder)
    assert result.returncode == 0, result.stderr
    assert (bin_folder / "calls").read_text().splitlines()[-1] == "install -y -qq w3m"


def test_on_a_mac_with_brew_w3m_comes_through_it(bin_folder: Path, add_program: AddProgram) -> None:
    add_program("google-chrome")
    add_program("brew", apt_get(bin_folder))
    assert run(bin_folder).returncode == 0
    assert (bin_folder / "calls").read_text() == "install --quiet w3m\n"


def test_what_cannot_be_had_is_named_in_a_sentence(
    bin_folder: Path, add_program: AddProgram
) -> None:
    add_program("chromium")
    result = run(bin_folder)
    assert result.returncode == 1
    assert result.stderr.startswith("The tests need w3m: install w3m")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(
    any(Path(app).exists() for app in browsers.CHROMIUM_APPS), reason="this Mac has a Chrome"
)
def test_without_any_chromium_playwrights_own_is_tried(
    bin_folder: Path, add_program: AddProgram
) -> None:
    add_program("w3m")
    result = run(bin_folder)
    assert "-m playwright install chromium" in result.stdout
    assert result.returncode == 1
    assert "The tests need chromium: install Chromium or Google Chrome" in result.stderr

"""The commands: what each does, that a second time is quick, and what is said when one can't."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMON = {"help", "run", "setup", "test", "lint", "format", "lock", "clean"}
TARGETS = COMMON | {"run-cluster", "coverage", "test-faults", "soak", "bench"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what make reads, with a Python that only writes down what it is asked."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    write_program(tmp_path / ".venv" / "bin" / "python", 'echo "$@" >>calls')
    return tmp_path


def write_program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The make that runs the tests would pass its own options on to this one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", *arguments]
    return subprocess.run(
        command, cwd=checkout, env=env, capture_output=True, text=True, check=False
    )


def calls(checkout: Path) -> list[str]:
    path = checkout / "calls"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_make_alone_shows_every_command(checkout: Path) -> None:
    shown = make(checkout).stdout.splitlines()
    assert {line.split()[1] for line in shown} == TARGETS


def test_run_sets_up_and_then_starts_everything(checkout: Path) -> None:
    assert make(checkout, "run").returncode == 0
    install, *rest = calls(checkout)
    assert install.endswith("-r requirements.txt")
    assert rest == ["-m scripts.browser_files", "-m scripts.serve"]


def test_a_second_run_installs_nothing(checkout: Path) -> None:
    make(checkout, "run")
    calls(checkout)
    make(checkout, "run")
    assert calls(checkout) == ["-m scripts.browser_files", "-m scripts.serve"]


def test_changed_requirements_are_installed_again(checkout: Path) -> None:
    make(checkout, "setup")
    calls(checkout)
    stamp = (checkout / ".venv" / ".requirements").stat().st_mtime
    os.utime(checkout / "requirements.txt", (stamp + 10, stamp + 10))
    make(checkout, "setup")
    assert calls(checkout)[0].endswith("-r requirements.txt")


def test_a_failed_install_is_a_sentence_and_is_tried_again(checkout: Path) -> None:
    write_program(checkout / ".venv" / "bin" / "python", 'echo "$@" >>calls; exit 1')
    for _ in range(2):
        result = make(checkout, "run")
        assert result.returncode != 0
        assert "What requirements.txt pins could not be installed" in result.stderr
        assert len(calls(checkout)) == 1


def test_test_brings_what_it_needs_and_then_runs(checkout: Path) -> None:
    assert make(checkout, "test").returncode == 0
    needed = ("browsers", "nginx", "conformance", "run_tests")
    assert calls(checkout)[-4:] == [f"-m scripts.{part}" for part in needed]


@pytest.mark.parametrize("part", ["run_tests", "nginx", "conformance", "browsers"])
def test_test_fails_when_any_part_fails(part: str, checkout: Path) -> None:
    write_program(
        checkout / ".venv" / "bin" / "python", f'case "$*" in *"scripts.{part}"*) exit 1;; esac'
    )
    assert make(checkout, "test").returncode != 0


def test_lint_checks_style_and_types(checkout: Path) -> None:
    make(checkout, "lint")
    assert calls(checkout)[-3:] == ["-m ruff check", "-m ruff format --check", "-m mypy"]


def test_lock_pins_both_files_without_a_registrys_address(checkout: Path) -> None:
    make(checkout, "lock")
    locked = [line for line in calls(checkout) if "pip compile" in line]
    assert [line.split()[-1] for line in locked] == ["requirements.txt", "requirements-dev.txt"]
    assert all("--no-emit-index-url" in line and "--universal" in line for line in locked)


def test_clean_keeps_the_instance_folder(checkout: Path) -> None:
    kept = checkout / "instance" / "secret_key"
    kept.parent.mkdir()
    kept.write_text("secret")
    make(checkout, "clean")
    assert kept.read_text() == "secret"
    assert not (checkout / ".venv").exists()


def test_ci_runs_make_test_and_passes_its_verdict_on(checkout: Path) -> None:
    shutil.copytree(ROOT / ".ci", checkout / ".ci")
    write_program(checkout / "bin" / "make", 'echo "$PWD: $*"; exit 7')
    env = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"}
    result = subprocess.run(
        [checkout / ".ci" / "run"], cwd="/", env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 7
    assert result.stdout == f"{checkout.resolve()}: test\n"


def make_venv(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The script alone, on a search path that has nothing but what the test put into `folder`."""
    rm = shutil.which("rm")
    assert rm is not None
    write_program(folder / "rm", f'exec {rm} "$@"')
    command = ["/bin/sh", str(ROOT / "scripts" / "make_venv.sh"), "venv"]
    env = {"PATH": str(folder), **env}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


OLD = '[ "$1" = -c ] && exit 1; echo "old $*" >>calls'
NEW = '[ "$1" = -c ] && exit 0; echo "$0 $*" >>calls'


def test_without_a_new_enough_python_a_sentence_says_so(tmp_path: Path) -> None:
    write_program(tmp_path / "python3", OLD)
    result = make_venv(tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("No Python 3.11 or newer was found")
    assert not (tmp_path / "calls").exists()


def test_a_newer_python_under_another_name_is_found(tmp_path: Path) -> None:
    write_program(tmp_path / "python3", OLD)
    write_program(tmp_path / "python3.13", NEW)
    assert make_venv(tmp_path).returncode == 0
    assert calls(tmp_path) == [f"{tmp_path}/python3.13 -m venv --clear venv"]


def test_a_python_that_is_named_wins(tmp_path: Path) -> None:
    write_program(tmp_path / "python3", NEW)
    write_program(tmp_path / "my python", NEW)
    assert make_venv(tmp_path, PYTHON=str(tmp_path / "my python")).returncode == 0
    assert calls(tmp_path) == [f"{tmp_path}/my python -m venv --clear venv"]


def test_a_python_without_its_venv_module_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    write_program(tmp_path / "python3", '[ "$1" = -c ] && exit 0; /bin/mkdir venv; exit 1')
    result = make_venv(tmp_path)
    assert result.returncode == 1
    assert "apt-get install python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()

"""Which services are started, where they listen, and the errors that stop a start."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import ROOT, StartError
from scripts.plan import make_plan
from scripts.programs import program_env
from scripts.services import (
    Service,
    check_ports,
    configured_services,
    make_secrets,
    programs_of,
)

OURS = (
    "TOOL_",
    "ONE_PROCESS",
    "WEB_",
    "NOTES_",
    "DEMO_MODEL_",
    "OPENAI_",
    "APP_",
    "INSTANCE_",
    "MODEL",
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with no `.env`, and an environment with no setting of ours."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", str(ROOT / "tests" / "support"))
    return tmp_path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def service(**changes: object) -> Service:
    values: Any = {"name": "notes", "application": "x:y()", "port": 0, **changes}
    return Service(**values)


def test_one_process_serves_everything_if_the_setting_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    separate = [program.name for program in programs_of(configured_services())]
    assert separate == ["web", "notes", "demo-model"]
    monkeypatch.setenv("ONE_PROCESS", "true")
    services = configured_services()
    [program] = programs_of(services)
    assert program.name == "all"
    assert {each.address for each in services} | {"scripts.one_process:app"} < set(program.command)


def test_without_settings_all_services_start_on_their_usual_ports() -> None:
    assert [(each.name, each.host, each.port) for each in configured_services()] == [
        ("web", "127.0.0.1", 8000),
        ("notes", "127.0.0.1", 8009),
        ("demo-model", "127.0.0.1", 8003),
    ]


@pytest.mark.parametrize("setting", ["OPENAI_BASE_URL=http://127.0.0.1:9/v1", "OPENAI_API_KEY=k"])
def test_the_demo_model_is_not_started_when_another_is_set(
    setting: str, empty_folder: Path
) -> None:
    (empty_folder / ".env").write_text(f"{setting}\nMODEL=m\n")
    assert "demo-model" not in [each.name for each in configured_services()]


def test_ports_come_from_dot_env_and_the_environment_wins(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / ".env").write_text("WEB_PORT=9000\nNOTES_PORT=9001\nDEMO_MODEL_PORT=9003\n")
    monkeypatch.setenv("NOTES_PORT", "9101")
    assert [each.port for each in configured_services()] == [9000, 9101, 9003]


@pytest.mark.parametrize("name", ["WEB_PORT", "NOTES_PORT"])
def test_a_bad_setting_stops_the_start_and_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "eighty")
    with pytest.raises(SystemExit):
        configured_services()
    message = capfd.readouterr().err
    assert name in message
    assert "eighty" in message


def test_a_bad_setting_of_the_web_app_alone_stops_the_start_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-that-is-never-shown")
    with pytest.raises(StartError, match=r"\AMODEL is missing.*\Z") as stopped:
        configured_services()
    assert "never-shown" not in str(stopped.value)


def test_a_database_that_cannot_be_migrated_stops_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nonexistent/folder/homestream.db")
    with pytest.raises(StartError, match=r"\A.*DATABASE_URL.*\Z"):
        make_plan()
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_refused_with_its_setting(taken_port: int) -> None:
    with pytest.raises(StartError, match=rf"{taken_port} is taken.*NOTES_PORT"):
        check_ports([service(port=taken_port)])


def test_one_port_for_two_services_is_refused_with_both_settings() -> None:
    both = [service(name="web", port=9001), service(name="demo-model", port=9001)]
    with pytest.raises(StartError, match="WEB_PORT and DEMO_MODEL_PORT are the same port, 9001"):
        check_ports(both)


def test_a_host_that_is_not_this_machine_is_refused_with_the_setting() -> None:
    with pytest.raises(StartError, match=r"WEB_HOST is '192\.0\.2\.1'.*127\.0\.0\.1"):
        check_ports([service(name="web", host="192.0.2.1")])


def test_free_ports_are_left_free() -> None:
    wanted = [service(host="127.0.0.1")]
    check_ports(wanted)
    check_ports(wanted)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8001"),
        ("0.0.0.0", "http://127.0.0.1:8001"),  # noqa: S104
        ("::", "http://[::1]:8001"),
        ("home.example", "http://home.example:8001"),
    ],
)
def test_the_url_can_be_opened_in_a_browser(host: str, url: str) -> None:
    assert service(host=host, port=8001).url == url


def test_gunicorn_listens_where_the_settings_say() -> None:
    program = service(host="::1", port=8001).program
    assert program.name == "notes"
    assert program.command[-3:] == ("-b", "[::1]:8001", "x:y()")


def test_the_environment_of_programs_keeps_the_python_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert program_env()["PYTHONPATH"].endswith(f"{os.pathsep}/elsewhere")


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    make_secrets(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"instance": 0o700, "secret_key": 0o600, "signing_key.pem": 0o600}


def test_secrets_are_made_once_and_their_modes_are_corrected(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "secret_key").chmod(0o644)
    make_secrets(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_two_checkouts_have_different_secrets(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_secrets(tmp_path / name)
    assert (tmp_path / "one/secret_key").read_bytes() != (tmp_path / "two/secret_key").read_bytes()


def test_an_instance_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"INSTANCE_DIR is .*file/instance"):
        make_secrets(tmp_path / "file" / "instance")


@pytest.mark.parametrize("config", ["gunicorn.conf.py", "scripts/gunicorn_services.py"])
def test_no_program_opens_the_socket_that_gunicorn_would_share_in_the_home_folder(
    config: str,
) -> None:
    command = [sys.executable, "-m", "gunicorn", "--print-config", "-c", str(ROOT / config), "x:y"]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60).stdout
    [line] = [line for line in printed.splitlines() if line.startswith("control_socket_disable")]
    assert line.endswith("= True")

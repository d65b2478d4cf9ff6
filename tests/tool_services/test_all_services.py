"""Services are found by their folders: nothing else lists them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from werkzeug.test import Client

from app.config import load_settings
from app.config_errors import SettingsError
from scripts import ROOT
from scripts.services import configured_services
from tests.support.notes.service import SERVICE as NOTES
from tool_services import all_services
from tool_services.app import create_all
from tool_services.framework.service import port_for
from tool_services.framework.testing import call_tools

DECLARATION = """
from tool_services.framework.service import Service

SERVICE = Service(__name__, "For a test.", tools=(), {more})
"""
ONE_FILE = '''
"""Doors."""

from __future__ import annotations

from typing import Annotated

from tool_services.framework.schemas import ToolResult
from tool_services.framework.service import Service
from tool_services.framework.tools import tool


class Doors(ToolResult):
    names: list[str]


@tool(reads_only=True)
def find_doors(text: Annotated[str, "Words to look for"] = "") -> Doors:
    """Finds doors."""
    return Doors(names=[name for name in ("front", "garden") if text in name])


SERVICE = Service(__name__, "Knows doors.", tools=[find_doors])
'''
Add = Callable[..., Path]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Add:
    """A function that adds a service's folder to those of a new domain, the only one there is."""
    root = tmp_path / f"domain_{tmp_path.name}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", root.name)
    for name in ("DOORS_PORT", "TICKETS_PORT"):
        monkeypatch.delenv(name, raising=False)

    def add(name: str, more: str = "") -> Path:
        folder = root / name
        folder.mkdir(parents=True)
        (folder / "service.py").write_text(DECLARATION.format(more=more))
        return folder

    return add


def test_what_a_service_is_called_and_where_it_is_follow_from_its_folder(
    add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = add("tickets", "database=object()")
    assert all_services.folders() == {"tickets": folder}
    port = port_for("tickets")
    assert all_services.default_urls() == {"tickets": f"http://127.0.0.1:{port}"}
    assert {"tickets_port", "tickets_url", "tickets_database_url"} <= all_services.setting_names()
    [started] = [each for each in configured_services() if each.name == "tickets"]
    assert (started.port, started.port_setting) == (port, "TICKETS_PORT")
    assert load_settings().tool_services == all_services.default_urls()
    monkeypatch.setenv("TICKETS_PORT", "9001")
    assert all_services.default_urls() == {"tickets": "http://127.0.0.1:9001"}


def test_a_service_without_a_folder_is_gone_from_the_settings(add: Add, tmp_path: Path) -> None:
    add("tickets")
    (tmp_path / ".env").write_text("DOORS_PORT=8001\n")
    with pytest.raises(SettingsError, match=r"DOORS_PORT in \.env isn't a setting"):
        load_settings()
    (tmp_path / ".env").write_text("TICKETS_PRT=8001\n")
    with pytest.raises(SettingsError, match="did you mean TICKETS_PORT"):
        load_settings()


def test_a_service_may_call_those_that_it_names_and_that_are_there(add: Add) -> None:
    add("tickets", 'calls=("people", "places", "gone")')
    add("people")
    add("places")
    assert all_services.default_exchanges() == {"tickets": "people,places"}


def test_the_prompt_in_the_folder_is_told_to_models(add: Add) -> None:
    (add("tickets") / "prompt.md").write_text("A ticket is closed when its author says so.\n")
    add("plain")
    told = {each.name: each.instructions for each in all_services.services()}
    assert told == {
        "tickets": "A ticket is closed when its author says so.",
        "plain": "For a test.",
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [("web", "WEB_PORT"), ("database", "DATABASE_URL"), ("Tickets", "lower-case")],
)
def test_a_folder_whose_name_cannot_begin_settings_stops_the_start(
    add: Add, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    add(name)
    with pytest.raises(SystemExit):
        all_services.setting_names()
    assert words in capsys.readouterr().err


def test_a_folder_without_services_stops_the_start(
    add: Add, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add("tickets")
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", "nowhere")
    with pytest.raises(SystemExit):
        all_services.folders()
    assert "TOOL_SERVICES_FOLDER" in capsys.readouterr().err


def test_a_folder_named_as_another_package_is_refused(
    add: Add, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add("other").parent.rename(tmp_path / "tool_services")
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", str(tmp_path / "tool_services"))
    with pytest.raises(SystemExit):
        all_services.services()
    assert "Rename it" in capsys.readouterr().err


def test_looking_for_services_imports_neither_tools_nor_tables() -> None:
    code = (
        "import sys; from tool_services.all_services import default_urls; default_urls();"
        "print([name for name in ('sqlalchemy', 'flask', 'alembic') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "[]"


def test_the_shortest_service_is_one_file(add: Add, tmp_path: Path) -> None:
    (add("doors") / "service.py").write_text(ONE_FILE)
    with call_tools(all_services.service("doors"), tmp_path) as doors:
        assert doors.call("findDoors", text="gard") == {"names": ["garden"]}
        assert doors.tools["findDoors"].scope == "doors:read"


def test_one_process_for_all_says_what_is_wrong_with_a_port_that_no_service_has(
    add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("tickets")
    monkeypatch.setenv("TICKETS_PORT", "8123")
    server = Client(create_all())
    assert server.get("/health", base_url="http://127.0.0.1:8123").status_code == 200
    answer = server.get("/health", base_url="http://127.0.0.1:8124")
    assert answer.status_code == 421
    assert "8124" in answer.text
    assert "TICKETS_PORT=8123" in answer.text


def test_a_services_own_tests_never_use_the_database_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTES_DATABASE_URL", f"sqlite:///{tmp_path}/in_use.db")
    with call_tools(NOTES, tmp_path / "instance") as notes:
        assert notes.call("findNotes")
    assert not (tmp_path / "in_use.db").exists()

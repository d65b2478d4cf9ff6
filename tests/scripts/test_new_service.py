"""`make new-service` writes a service that works at once: its tools, its tests, the start page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from scripts import ROOT
from scripts.evals.cases import read_cases
from scripts.new_service import write_service
from tests.support.product import Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tool_services import all_services
from tool_services.framework import app_factory

pytestmark = pytest.mark.slow


@pytest.fixture
def domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a domain without any service yet."""
    folder = tmp_path / f"domain_{tmp_path.name}"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", str(folder))
    return folder


def python(*command: str) -> str:
    """Run a Python module in the checkout. Return what it says; it must end well."""
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_their_own_tests_pass_and_their_style_is_ours(domain: Path) -> None:
    names = ("tickets", "spare_parts", "inventory")
    for name in names:
        write_service(name)
    python("ruff", "check", "--config", "pyproject.toml", "--ignore", "S101", str(domain))
    python("ruff", "format", "--check", "--config", "pyproject.toml", str(domain))
    ini = ("-c", "pyproject.toml", f"--rootdir={domain}", "-p", "no:cacheprovider")
    folders = (str(domain / name) for name in names)
    assert "12 passed" in python("pytest", "-q", *ini, *folders)


def test_a_person_looks_approves_and_sees_the_card(
    domain: Path, start: Callable[..., Product], model: ScriptedModel
) -> None:
    assert read_cases(write_service("tickets") / "evals.toml")
    service = all_services.service("tickets")

    def create(settings: dict[str, Any]) -> Flask:
        return app_factory.create_app(service, all_services.settings_class()(**settings))

    alice = start({"tickets": create}).sign_up("Alice")
    assert "Which tickets are open?" in alice.get("/").text
    assert 'href="/outbox"' not in alice.get("/").text
    ticket = {"title": "Broken window", "body": "In the hall."}
    model.script(tool_call("openTicket", ticket), text("It is open."))
    stream = alice.ask("Open a ticket about the broken window")
    approval = stream.until("approval")[-1].json
    assert "In the hall." in alice.get(approval["url"]).text
    alice.api("POST", approval["url"], json={"decision": "approve"})
    assert stream.until("done")[-1].json["status"] == "completed"
    model.script(tool_call("findTickets", {"text": "window"}), text("One."))
    messages = alice.ask("Find tickets about the window").all()
    page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
    assert "show-card" in page
    assert "Broken window" in page


def test_a_service_that_is_there_is_not_written_over(domain: Path) -> None:
    write_service("tickets")
    with pytest.raises(SystemExit, match="is there already"):
        write_service("tickets")


@pytest.mark.parametrize("name", ["class", "titles", "callers"])
def test_a_name_that_would_not_work_writes_nothing(domain: Path, name: str) -> None:
    with pytest.raises(SystemExit, match=f"{name} can't be the name"):
        write_service(name)
    assert not (domain / name).exists()

"""docs/tutorial.md works as it is written: its blocks are written and run in a copy of the product.

A block that comes after a file's name and a colon is that file; a block of sh is run. What the page
says one can ask is asked, of the demo model.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts import ROOT
from scripts.child_processes import start
from scripts.evals.cases import read_cases
from scripts.ports import free_port
from tests.support.product import Stream, text_of

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
COPIED = ("app", "brand", "demo_model", "migrations", "scripts", "tests", "tool_services")
NAMED = ("BRAND", "INSTANCE_DIR", "TOOL_SERVICES_FOLDER")  # by the page itself, or by nobody
LINKED = (".venv", "node_modules")
BLOCK = re.compile(r"(?:`([^`\n]+)`:\n\n)?```(\w+)\n(.*?)```", re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block: a file to write, or commands to run."""

    file: str
    language: str
    text: str


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what runs, in which everything counts as installed."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in LINKED:
        (tmp_path / name).symlink_to(ROOT / name)
    for file in (*ROOT.glob("*.*"), ROOT / "Makefile"):
        if file.is_file():
            shutil.copy(file, tmp_path)
            os.utime(tmp_path / file.name, (0, 0))
    return tmp_path


@pytest.fixture
def env() -> dict[str, str]:
    ports = {f"{name}_PORT": str(free_port()) for name in ("WEB", "DEMO_MODEL", "BOOKS")}
    inherited = {k: v for k, v in os.environ.items() if k not in NAMED}
    return inherited | ports | {"FIND_LOCAL_MODEL": "false", "DEMO_MODEL_PACE": "0"}


def blocks() -> Iterator[Block]:
    for file, language, text in BLOCK.findall(PAGE):
        yield Block(file, language, text)


def run(command: str, checkout: Path, env: dict[str, str]) -> None:
    ended = subprocess.run(
        ["sh", "-ec", command], cwd=checkout, env=env, capture_output=True, text=True
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"


@contextmanager
def product(checkout: Path, env: dict[str, str]) -> Iterator[str]:
    """The product as `make run` starts it: its address, until the block ends."""
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start(["make", "run"], cwd=checkout, env=env, text=True, **options) as process:
        try:
            said: list[str] = []
            while not said or "is ready" not in said[-1]:
                said.append(process.stdout.readline() if process.stdout else "")
                assert said[-1], "".join(said)
            yield f"http://127.0.0.1:{env['WEB_PORT']}"
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate()


@dataclass
class Reader:
    """Somebody with an account, in one conversation."""

    url: str
    email: str

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.conversation: str | None = None
        fields = {"name": "Ann", "email": self.email, "password": "correct horse battery"}
        answer = self.session.post(f"{self.url}/auth/signup", json=fields)
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def asks(self, question: str) -> str:
        """The answer's text. What waits for an approval gets it."""
        body = {"userMessage": question, "conversationId": self.conversation}
        response = self.session.post(f"{self.url}/agents/chat-stream", json=body, stream=True)
        messages = []
        for message in Stream(response):
            messages.append(message)
            if message.event == "approval":
                url = self.url + message.json["url"]
                self.session.post(url, json={"decision": "approve"}).raise_for_status()
        self.conversation = messages[0].json["conversationId"]
        return text_of(messages)


def test_the_tutorial_works_as_it_is_written(checkout: Path, env: dict[str, str]) -> None:
    pages: list[str] = []
    for block in blocks():
        if block.file:
            (checkout / block.file).parent.mkdir(parents=True, exist_ok=True)
            (checkout / block.file).write_text(block.text)
            continue
        assert block.language == "sh", block.text
        commands, runs, _ = block.text.partition("make run\n")
        run(commands, checkout, env)
        if runs:
            # Once in one process, which starts with less CPU, and then as the page has it.
            one = {} if pages else {"ONE_PROCESS": "true"}
            with product(checkout, env | one) as url:
                reader = Reader(url, f"ann{len(pages)}@example.com")
                pages.append(reader.session.get(f"{url}/tools").text)
                if len(pages) == 1:
                    assert "3 books" in reader.asks("Which books are open?")
                    continue
                assert "2 books" in reader.asks("Which books about a garden are in?")
                assert "**A Garden on the Roof** is yours" in reader.asks("borrow the first one")
    run(".venv/bin/ruff check library && .venv/bin/ruff format --check library", checkout, env)
    assert read_cases(checkout / "library" / "books" / "evals.toml")
    assert ["Homestream" in page for page in pages] == [True, False]

"""A mail server in a process of its own, and what it has received."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from scripts.child_processes import start
from scripts.ports import free_port
from tests.support.product import eventually


@dataclass(frozen=True)
class Mailbox:
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[EmailMessage]:
        files = sorted(self.folder.glob("*.eml"))
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    @property
    def log(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []


@contextmanager
def running_mailbox(folder: Path, **options: str) -> Iterator[Mailbox]:
    """A mail server, with the options of `mail_server`."""
    port = free_port()
    folder.mkdir()
    module = "tests.tool_services.support.mail_server"
    command = [sys.executable, "-m", module, str(port), str(folder), json.dumps(options)]
    process = start(command)
    eventually(lambda: _listens(port), 30)
    yield Mailbox(port, folder)
    process.terminate()
    process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

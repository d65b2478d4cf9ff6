"""Mail servers: encryption, passwords, and the settings that name one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from scripts.ports import free_port
from tests.support.certificates import write_certificate
from tests.tool_services.support.mailbox import Mailbox, running_mailbox
from tool_services.framework.mail import (
    DEFAULT_SENDER,
    Email,
    MailError,
    MailRefused,
    MailServer,
    Sender,
    SmtpUrl,
)
from tool_services.framework.settings import ServiceSettings, load_settings

pytestmark = pytest.mark.slow

EMAIL = Email("1@test", "ann@example.com", "Hello", "A text\n.\nwith a dot", "<p>HTML</p>")

Start = Callable[..., Mailbox]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running_mailbox(tmp_path / "mail", **options))


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Files of a certificate for 127.0.0.1 that this process trusts."""
    files = {"certificate": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    names = [x509.IPAddress(ip_address("127.0.0.1"))]
    write_certificate(files["certificate"], files["key"], names)
    monkeypatch.setenv("SSL_CERT_FILE", str(files["certificate"]))
    return {name: str(file) for name, file in files.items()}


def send(url: str, **changed: Any) -> list[str]:
    steps: list[str] = []
    server = replace(MailServer.from_url(url, "Notes <notes@example.com>", 5), **changed)
    server.send(EMAIL, lambda: steps.append("body begins"))
    return steps


@pytest.mark.parametrize("options", [{}, {"smtps": "yes"}], ids=["STARTTLS", "TLS"])
def test_an_email_goes_encrypted_with_the_password(
    start: Start, certificate: dict[str, str], options: dict[str, str]
) -> None:
    mailbox = start(**certificate, **options, user="ann", password="s3cret /@")
    scheme = "smtps" if options else "smtp"
    url = f"{scheme}://ann:s3cret%20%2F%40@127.0.0.1:{mailbox.port}"
    assert send(url, allow_plain=False) == ["body begins"]
    [message] = mailbox.messages
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["A text", ".", "with a dot"]


def test_a_wrong_password_is_a_refusal(start: Start, certificate: dict[str, str]) -> None:
    mailbox = start(**certificate, user="ann", password="right")
    with pytest.raises(MailRefused, match="535"):
        send(f"smtp://ann:wrong@127.0.0.1:{mailbox.port}")
    assert mailbox.messages == []


def test_a_server_with_an_untrusted_certificate_gets_nothing(
    start: Start, certificate: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = start(**certificate)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(MailError):
        send(mailbox.url)
    assert mailbox.messages == []


def test_nothing_leaves_the_machine_without_encryption(start: Start) -> None:
    mailbox = start()
    with pytest.raises(MailRefused, match="no encryption"):
        send(mailbox.url, allow_plain=False)
    assert send(f"{mailbox.url}?tls=no") == ["body begins"]


def test_a_mail_server_that_is_down_is_a_sentence() -> None:
    with pytest.raises(MailError, match="can't be reached"):
        send(f"smtp://127.0.0.1:{free_port()}")


class MailSettings(ServiceSettings):
    smtp_url: SmtpUrl = None
    smtp_from: Sender = DEFAULT_SENDER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "localhost:s3cret"),
        ("SMTP_URL", "http://:s3cret@mail.example"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://x?tls=s3cret"),
        ("SMTP_FROM", "Notes"),
    ],
)
def test_a_bad_mail_setting_stops_the_start_without_showing_a_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        load_settings(MailSettings)
    sentence = capsys.readouterr().err
    assert sentence.startswith(f"{name} ")
    assert "s3cret" not in sentence

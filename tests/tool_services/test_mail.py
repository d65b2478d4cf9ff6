"""Reports by e-mail, against a real SMTP server that also refuses, stalls and hangs up."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import gevent
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select, update

from scripts.launch import free_port
from tests.support.product import eventually
from tests.tool_services.conftest import Answer, Service, World, dispose, start_server, url_of
from tool_services import listings
from tool_services.framework.database import utc_now
from tool_services.framework.mail import Letter, MailError, MailRefused, MailServer
from tool_services.framework.settings import Settings, load_settings
from tool_services.listings.models import OutboxMessage, db

LETTER = Letter("1@test", "ann@example.com", "Hello", "A text\n.\nwith a dot", "<p>A page</p>")


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


Start = Callable[..., Mailbox]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(**options: str) -> Mailbox:
        port, folder = free_port(), tmp_path / f"mail-{len(started)}"
        folder.mkdir()
        module = "tests.tool_services.support.mail_server"
        command = [sys.executable, "-m", module, str(port), str(folder), json.dumps(options)]
        started.append(subprocess.Popen(command))
        eventually(lambda: _listens(port), 30)
        return Mailbox(port, folder)

    yield begin
    for process in started:
        process.terminate()
        process.wait()


@pytest.fixture
def mailbox(start: Start) -> Mailbox:
    return start()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def mailing(request: pytest.FixtureRequest, world: World, mailbox: Mailbox) -> Iterator[Service]:
    """The listings service of `world` with a mail server, and more time for it than a busy machine
    takes; or so many seconds for a call as the test says."""
    dispose(db, world.listings.app)
    settings = world.settings.model_copy(
        update={
            "smtp_url": Settings.model_validate({"smtp_url": mailbox.url}).smtp_url,
            "tool_timeout": getattr(request, "param", 20),
        }
    )
    app = listings.create_app(settings)
    world.listings.server.application = app
    yield replace(world.listings, app=app)
    dispose(db, app)


def send(service: Service, recipient: str, key: str | None = "call-1") -> Answer:
    arguments = {"listingIds": ["L001", "L003"], "recipientEmail": f"{recipient}@example.com"}
    return service.call("sendListingReport", arguments, key=key)


def test_a_report_arrives_as_text_and_as_a_page(mailing: Service, mailbox: Mailbox) -> None:
    result = send(mailing, "ann").result
    assert result["delivery"] == "email"
    [message] = mailbox.messages
    assert message["To"] == "ann@example.com"
    assert message["From"] == "Homestream <homestream@example.com>"
    assert message["Subject"] == result["subject"] == "Listing report: 2 homes"
    assert message["Message-ID"].startswith("<report-")
    assert message["Date"]
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert "123 Oak Street" in part.get_content()
        assert "$825,000" in part.get_content()
    [kept] = mailing.get("/outbox").body["messages"]
    assert (kept["delivery"], kept["reason"]) == ("sent", "")


def test_a_call_told_twice_sends_once(mailing: Service, mailbox: Mailbox) -> None:
    first, second = send(mailing, "ann").result, send(mailing, "ann").result
    assert first == second
    assert len(mailbox.messages) == 1


def test_calls_told_at_once_send_once(mailing: Service, mailbox: Mailbox) -> None:
    calls = [gevent.spawn(send, mailing, "later") for _ in range(8)]
    gevent.joinall(calls, raise_error=True)
    assert all(call.value.result == calls[0].value.result for call in calls)
    assert len(mailbox.messages) == 1


def test_a_server_that_has_no_time_is_asked_again(mailing: Service, mailbox: Mailbox) -> None:
    assert send(mailing, "later").result["delivery"] == "email"
    assert mailbox.log == ["RCPT later@example.com", "RCPT later@example.com", "DATA"]
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(
    ("recipient", "said", "tries"),
    [
        ("refused", "The mail server said no (550 No such mailbox); nothing was sent.", 1),
        ("rejected", "The mail server said no (554 Not from you); nothing was sent.", 1),
        ("full", "The mail server said no (452 No room); nothing was sent.", 3),
        ("hangs-up-early", "The mail server can't be reached now; nothing was sent.", 3),
    ],
)
def test_what_was_not_sent_is_said_to_be_so(
    mailing: Service, mailbox: Mailbox, recipient: str, said: str, tries: int
) -> None:
    answer = send(mailing, recipient)
    assert (answer.status, answer.code, answer.message) == (502, "delivery_failed", said)
    assert send(mailing, recipient).message == said
    assert mailbox.log.count(f"RCPT {recipient}@example.com") == tries
    assert mailbox.messages == []
    [kept] = mailing.get("/outbox").body["messages"]
    assert (kept["delivery"], kept["reason"]) == ("failed", said)


@pytest.mark.parametrize("mailing", [2], indirect=True)
@pytest.mark.parametrize(("recipient", "arrived"), [("hangs-up", 1), ("stalls", 0)])
def test_what_may_have_been_sent_is_never_sent_again(
    mailing: Service, mailbox: Mailbox, recipient: str, arrived: int
) -> None:
    for _ in range(2):
        answer = send(mailing, recipient)
        assert (answer.status, answer.code) == (502, "delivery_unknown")
        assert "it may have arrived" in answer.message
    assert mailbox.log.count("DATA") == 1
    assert len(mailbox.messages) == arrived
    assert mailing.get("/outbox").body["messages"][0]["delivery"] == "unknown"


def test_a_mail_server_that_is_not_there_is_a_sentence(world: World) -> None:
    server = MailServer.of(f"smtp://127.0.0.1:{free_port()}", "a@example.com", 5)
    with pytest.raises(MailError, match="can't be reached now; nothing was sent"):
        server.hand_over(LETTER, lambda: None)


@pytest.mark.parametrize(
    "address", ["ann", "ann@", "a b@example.com", "ann@example.com\nBcc: x@y.z"]
)
def test_an_address_that_is_none_never_leaves(
    mailing: Service, mailbox: Mailbox, address: str
) -> None:
    arguments = {"listingIds": ["L001"], "recipientEmail": address}
    assert mailing.call("sendListingReport", arguments).status == 422
    assert mailbox.log == []


@pytest.mark.parametrize("recipient", ["jürgen", "ann+homes"])
def test_unusual_addresses_are_written_to(
    mailing: Service, mailbox: Mailbox, recipient: str
) -> None:
    assert send(mailing, recipient).result["delivery"] == "email"
    assert mailbox.log[0] == f"RCPT {recipient}@example.com"


# A sender that died


def leave(service: Service, state: str, seconds: float) -> None:
    """As if who had the last message had died in this state so many seconds ago."""
    with service.app.app_context():
        long_ago = utc_now() - timedelta(seconds=seconds)
        db.session.execute(update(OutboxMessage).values(Delivery=state, ClaimedAt=long_ago))
        db.session.commit()


def states(service: Service) -> list[str]:
    with service.app.app_context():
        return list(db.session.scalars(select(OutboxMessage.Delivery)))


def test_what_a_dead_sender_had_not_begun_to_send_is_sent(
    mailing: Service, mailbox: Mailbox
) -> None:
    send(mailing, "refused")
    leave(mailing, "claimed", 60)
    with mailing.app.app_context():
        db.session.execute(update(OutboxMessage).values(Recipient="refused@example.com"))
        db.session.commit()
    assert send(mailing, "refused").code == "delivery_failed"
    assert mailbox.log.count("RCPT refused@example.com") == 2


def test_what_a_dead_sender_may_have_sent_is_not_sent_again(
    mailing: Service, mailbox: Mailbox
) -> None:
    send(mailing, "ann")
    leave(mailing, "going", 60)
    assert send(mailing, "ann").code == "delivery_unknown"
    assert len(mailbox.messages) == 1
    assert states(mailing) == ["unknown"]


def test_who_is_told_while_another_sends_waits_for_it(mailing: Service, mailbox: Mailbox) -> None:
    send(mailing, "ann")
    leave(mailing, "going", 0)
    waiting = gevent.spawn(send, mailing, "ann")
    gevent.sleep(0.3)
    assert not waiting.ready()
    leave(mailing, "sent", 0)
    waiting.join(10)
    assert waiting.value.result["delivery"] == "email"
    assert len(mailbox.messages) == 1


def test_a_restart_with_another_process_keeps_to_what_was_done(
    mailing: Service, mailbox: Mailbox, world: World
) -> None:
    first = send(mailing, "ann").result
    twin = listings.create_app(world.settings)
    server = start_server(twin)
    token = world.issuer.token(world.listings.url)
    answer = Service(url_of(server), twin, server, world.issuer).call(
        "sendListingReport",
        {"listingIds": ["L001", "L003"], "recipientEmail": "ann@example.com"},
        key="call-1",
        token=token,
    )
    assert answer.result == first
    server.stop()
    dispose(db, twin)


# Encryption


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Files of a certificate for 127.0.0.1 that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = {"certificate": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    files["certificate"].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files["key"].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(files["certificate"]))
    return {name: str(file) for name, file in files.items()}


def hand_over(url: str, **changed: Any) -> list[str]:
    steps: list[str] = []
    server = replace(MailServer.of(url, "Homes <homes@example.com>", 5), **changed)
    server.hand_over(LETTER, lambda: steps.append("going"))
    return steps


@pytest.mark.parametrize("options", [{}, {"smtps": "yes"}], ids=["STARTTLS", "TLS"])
def test_a_letter_goes_encrypted_to_who_knows_the_password(
    start: Start, certificate: dict[str, str], options: dict[str, str]
) -> None:
    mailbox = start(**certificate, **options, user="ann", password="s3cret /@")
    scheme = "smtps" if options else "smtp"
    url = f"{scheme}://ann:s3cret%20%2F%40@127.0.0.1:{mailbox.port}"
    assert hand_over(url, plain=False) == ["going"]
    [message] = mailbox.messages
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["A text", ".", "with a dot"]


def test_a_wrong_password_is_a_refusal(start: Start, certificate: dict[str, str]) -> None:
    mailbox = start(**certificate, user="ann", password="right")
    with pytest.raises(MailRefused, match="The mail server said no \\(535"):
        hand_over(f"smtp://ann:wrong@127.0.0.1:{mailbox.port}")
    assert mailbox.messages == []


def test_a_server_that_nobody_vouches_for_gets_nothing(
    start: Start, certificate: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = start(**certificate)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(MailError, match="nothing was sent"):
        hand_over(mailbox.url)
    assert mailbox.messages == []


def test_without_encryption_nothing_leaves_the_machine(mailbox: Mailbox) -> None:
    with pytest.raises(MailRefused, match="offers no encryption; nothing was sent"):
        hand_over(mailbox.url, plain=False)
    assert hand_over(f"{mailbox.url}?tls=no") == ["going"]


@pytest.mark.parametrize(
    "url", ["localhost:25", "http://:s3cret@mail.example", "smtp://", "smtp://x?tls=s3cret"]
)
def test_a_setting_that_names_no_server_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("SMTP_URL", url)
    with pytest.raises(SystemExit):
        load_settings()
    sentence = capsys.readouterr().err
    assert sentence.startswith("SMTP_URL will not do: ")
    assert "s3cret" not in sentence


def test_a_sender_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_FROM", "Homes")
    with pytest.raises(SystemExit):
        load_settings()

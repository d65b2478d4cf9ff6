"""Handing one message to a mail server (SMTP), so that it is known what became of it."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

import gevent
from email_validator import validate_email
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

ATTEMPTS = 3
_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PERMANENT = 500


class MailError(Exception):
    """The message was not handed over; the text is a sentence, and nothing was sent."""


class MailRefused(MailError):
    """The server doesn't want this message, now or later."""


class MailUnknown(Exception):
    """The connection broke while the server had the message in its hands: it may arrive."""


@dataclass(frozen=True)
class Letter:
    """What is sent: `id` is the Message-ID without its brackets, the same however often tried."""

    id: str
    recipient: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class MailServer:
    """A mail server; `timeout` bounds all attempts at handing over one message, in seconds.

    Without TLS (`smtps`, or STARTTLS on `smtp`) nothing is sent, unless the server is on this
    machine or `plain` says that it may.
    """

    host: str
    port: int
    sender: str
    timeout: float
    tls: bool
    plain: bool = False
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, url: str, sender: str, timeout: float) -> MailServer:
        """The server that smtp[s]://user:password@host:port[?tls=no] names.

        Raises ValueError with a sentence.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("must be like smtp://user:password@host:587 or smtps://host")
        tls = parse_qs(parts.query).get("tls", ["yes"])[-1]
        if tls not in ("yes", "no"):
            raise ValueError("has tls, which must be yes or no")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            sender=sender,
            timeout=timeout,
            tls=parts.scheme == "smtps",
            plain=tls == "no" or parts.hostname in _LOOPBACK,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def hand_over(self, letter: Letter, point_of_no_return: Callable[[], None]) -> None:
        """Give the letter to the server, which then answers for it.

        `point_of_no_return` is called when the next thing to go out is the message itself. Until
        then whatever fails is tried again, as is a message that the server says it can't take
        just now. Raises MailError when it was not handed over, and MailUnknown.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(0.2, max=2),
            sleep=gevent.sleep,
            reraise=True,
        )
        handing = _Handing(point_of_no_return)
        try:
            with gevent.Timeout(self.timeout):
                attempts(self._try, letter, handing)
        except gevent.Timeout:
            if handing.over:
                raise MailUnknown from None
            raise MailError(
                f"The mail server took over {self.timeout:g} seconds; nothing was sent."
            ) from None

    def _try(self, letter: Letter, handing: _Handing) -> None:
        message = _message(letter, self.sender)
        try:
            with self._connected() as smtp:
                self._log_in(smtp)
                _envelope(smtp, self.sender, letter.recipient)
                handing.begin()
                _body(smtp, message.as_bytes(policy=WIRE))
                handing.over = False
        except smtplib.SMTPResponseException as error:
            raise _answered(error) from error
        except (OSError, smtplib.SMTPException) as error:
            if handing.over:
                raise MailUnknown from error
            raise _Passing("The mail server can't be reached now; nothing was sent.") from error

    def _connected(self) -> smtplib.SMTP:
        if self.tls:
            context = ssl.create_default_context()
            return _Smtps(self.host, self.port, timeout=self.timeout, context=context)
        return _Smtp(self.host, self.port, timeout=self.timeout)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if not self.tls and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        elif not self.tls and not self.plain:
            raise MailRefused("The mail server offers no encryption; nothing was sent.")
        if self.user:
            smtp.login(self.user, self.password)


class _Passing(MailError):
    """What may be better at the next attempt."""


class _Quiet:
    """An SMTP client that is dropped rather than asked to say goodbye when it fails."""

    def __exit__(self: smtplib.SMTP, *failure: object) -> None:  # type: ignore[misc]
        if failure[0] is None:
            try:
                self.quit()
            except (OSError, smtplib.SMTPException):
                # The message is in good hands; how the goodbye went is all the same.
                self.close()
        else:
            self.close()


class _Smtp(_Quiet, smtplib.SMTP):
    pass


class _Smtps(_Quiet, smtplib.SMTP_SSL):
    pass


@dataclass
class _Handing:
    """Whether the server may have the message, without having said so."""

    point_of_no_return: Callable[[], None]
    over: bool = False

    def begin(self) -> None:
        self.point_of_no_return()
        self.over = True


def _message(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.recipient
    message["Subject"] = letter.subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{letter.id}>"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def _envelope(smtp: smtplib.SMTP, sender: str, recipient: str) -> None:
    """Say who sends to whom, up to where the server waits for the message."""
    address = validate_email(recipient, check_deliverability=False)
    options: list[str] = []
    if address.ascii_email is None:
        if not smtp.has_extn("smtputf8"):
            raise MailRefused("The mail server can't write to such an address; nothing was sent.")
        options = ["SMTPUTF8"]
    _expect(smtp.mail(sender.rpartition("<")[2].rstrip(">"), options), 250)
    _expect(smtp.rcpt(address.ascii_email or address.normalized), 250, 251)
    _expect(smtp.docmd("DATA"), 354)


def _body(smtp: smtplib.SMTP, message: bytes) -> None:
    lines = (b"." + line if line.startswith(b".") else line for line in message.split(b"\r\n"))
    text = b"\r\n".join(lines)
    smtp.send(text + (b"" if text.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    _expect(smtp.getreply(), 250)


def _expect(reply: tuple[int, bytes], *good: int) -> None:
    if reply[0] not in good:
        raise smtplib.SMTPResponseException(*reply)


def _answered(error: smtplib.SMTPResponseException) -> MailError:
    """What the server said against it. Whatever it has said no to, it has not taken."""
    said = error.smtp_error
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    sentence = f"The mail server said no ({error.smtp_code} {words[:200]}); nothing was sent."
    return MailRefused(sentence) if error.smtp_code >= _PERMANENT else _Passing(sentence)

"""Send one e-mail by a mail server (SMTP), such that it is known whether it was sent."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formataddr, formatdate, parseaddr
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

import gevent
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

ATTEMPTS = 3
MAX_REPLY_CHARS = 200
_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FIRST_PERMANENT_CODE = 500


class MailError(Exception):
    """Nothing was sent. The text is a sentence."""


class MailRefused(MailError):
    """The server refuses the e-mail, now and later."""


class _MailDelayed(MailError):
    """The next attempt may succeed."""


class OutcomeUnknown(Exception):
    """The connection broke while the server received the e-mail, which may arrive."""


@dataclass(frozen=True)
class Email:
    """An e-mail. `id` is the Message-ID without its brackets, the same at each attempt.

    Without `html` it is plain text alone.
    """

    id: str
    recipient: str
    subject: str
    text: str
    html: str = ""


@dataclass
class _Attempts:
    """The attempts at one e-mail."""

    before_body: Callable[[], None]
    may_have_arrived: bool = False

    def begin_body(self) -> None:
        self.before_body()
        self.may_have_arrived = True


@dataclass(frozen=True)
class MailServer:
    """A mail server. `timeout` limits all attempts at one e-mail together, in seconds.

    Without TLS (`smtps`, or STARTTLS on `smtp`) nothing is sent, unless the server is on this
    machine or `allow_plain` is set.
    """

    host: str
    port: int
    sender: str
    timeout: float
    tls: bool
    allow_plain: bool = False
    user: str = ""
    password: str = ""

    @classmethod
    def from_url(cls, url: str, sender: str, timeout: float) -> MailServer:
        """Return the server of smtp[s]://user:password@host:port[?tls=no].

        Raises ValueError with the reason.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("must be like smtp://user:password@host:587 or smtps://host")
        tls = parse_qs(parts.query).get("tls", ["yes"])[-1]
        if tls not in ("yes", "no"):
            raise ValueError("tls must be yes or no")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            sender=sender,
            timeout=timeout,
            tls=parts.scheme == "smtps",
            allow_plain=tls == "no" or parts.hostname in _LOOPBACK,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, email: Email, before_body: Callable[[], None]) -> None:
        """Give the e-mail to the server, which is then responsible for it.

        `before_body` is called right before the e-mail itself goes over the wire. Whatever fails
        before that is tried again, and so is an e-mail that the server refuses for now. Raises
        MailError if nothing was sent, OutcomeUnknown if that is unknown.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_MailDelayed),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(0.2, max=2),
            sleep=gevent.sleep,
            reraise=True,
        )
        attempts = _Attempts(before_body)
        try:
            with gevent.Timeout(self.timeout):
                retrying(self._attempt, email, attempts)
        except gevent.Timeout:
            if attempts.may_have_arrived:
                raise OutcomeUnknown from None
            raise MailError(
                f"The mail server took more than {self.timeout:g} seconds. Nothing was sent."
            ) from None

    def _attempt(self, email: Email, attempts: _Attempts) -> None:
        body = _as_message(email, self.sender).as_bytes(policy=WIRE)
        try:
            with self._connect() as smtp:
                self._log_in(smtp)
                _send_envelope(smtp, self.sender, email.recipient)
                attempts.begin_body()
                _send_body(smtp, body)
                attempts.may_have_arrived = False
        except smtplib.SMTPResponseException as error:
            raise _refusal(error) from error
        except (OSError, smtplib.SMTPException) as error:
            if attempts.may_have_arrived:
                raise OutcomeUnknown from error
            raise _MailDelayed("The mail server can't be reached. Nothing was sent.") from error

    def _connect(self) -> smtplib.SMTP:
        if self.tls:
            context = ssl.create_default_context()
            return _SmtpTls(self.host, self.port, timeout=self.timeout, context=context)
        return _Smtp(self.host, self.port, timeout=self.timeout)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if not self.tls and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        elif not self.tls and not self.allow_plain:
            raise MailRefused("The mail server offers no encryption. Nothing was sent.")
        if self.user:
            smtp.login(self.user, self.password)


class _CloseQuietly:
    """An SMTP client that ignores a failed goodbye, and says none after an error."""

    def __exit__(self: smtplib.SMTP, *error: object) -> None:  # type: ignore[misc]
        if error[0] is None:
            try:
                self.quit()
            except (OSError, smtplib.SMTPException):
                # The server already has the e-mail.
                self.close()
        else:
            self.close()


class _Smtp(_CloseQuietly, smtplib.SMTP):
    pass


class _SmtpTls(_CloseQuietly, smtplib.SMTP_SSL):
    pass


def _as_message(email: Email, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = email.recipient
    message["Subject"] = email.subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{email.id}>"
    message.set_content(email.text)
    if email.html:
        message.add_alternative(email.html, subtype="html")
    return message


# smtplib.sendmail does the next two steps in one, without a way to note the moment between them.
def _send_envelope(smtp: smtplib.SMTP, sender: str, recipient: str) -> None:
    """Send the addresses, up to the point where the server waits for the e-mail."""
    address = validate_email(recipient, check_deliverability=False)
    options: list[str] = []
    if address.ascii_email is None:
        if not smtp.has_extn("smtputf8"):
            raise MailRefused(
                "The mail server doesn't support addresses with such letters. Nothing was sent."
            )
        options = ["SMTPUTF8"]
    _expect(smtp.mail(sender.rpartition("<")[2].rstrip(">"), options), 250)
    _expect(smtp.rcpt(address.ascii_email or address.normalized), 250, 251)
    _expect(smtp.docmd("DATA"), 354)


def _send_body(smtp: smtplib.SMTP, body: bytes) -> None:
    """Send the e-mail, with dots at the start of lines doubled (RFC 5321, section 4.5.2)."""
    lines = (b"." + line if line.startswith(b".") else line for line in body.split(b"\r\n"))
    text = b"\r\n".join(lines)
    smtp.send(text + (b"" if text.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    _expect(smtp.getreply(), 250)


def _expect(reply: tuple[int, bytes], *accepted: int) -> None:
    if reply[0] not in accepted:
        raise smtplib.SMTPResponseException(*reply)


def _refusal(error: smtplib.SMTPResponseException) -> MailError:
    """Return the error for a server's refusal. A server that refuses has not taken the e-mail."""
    reply = error.smtp_error
    words = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    sentence = (
        f"The mail server refused the message ({error.smtp_code} {words[:MAX_REPLY_CHARS]})."
        " Nothing was sent."
    )
    permanent = error.smtp_code >= _FIRST_PERMANENT_CODE
    return MailRefused(sentence) if permanent else _MailDelayed(sentence)


def _check_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        MailServer.from_url(value.get_secret_value(), sender="", timeout=1)
    return value


def _check_sender(value: str) -> str:
    name, address = parseaddr(value)
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"must be like Homes <homes@example.com>: {error}") from None
    return formataddr((name, address))


SmtpUrl = Annotated[SecretStr | None, AfterValidator(_check_url)]
"""The setting that names a mail server; None if there is none."""
Sender = Annotated[str, AfterValidator(_check_sender)]
"""The setting that names the sender, such as Homes <homes@example.com>."""
DEFAULT_SENDER = "Homestream <homestream@example.com>"

"""The settings of the listings service."""

from __future__ import annotations

from email.utils import formataddr, parseaddr
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, SecretStr

from tool_services.framework.settings import Port, ServiceSettings, Url, on_loopback, sqlite_file
from tool_services.listings.mail import MailServer

# The share of a tool call's time that sending an e-mail may take.
MAIL_TIMEOUT_SHARE = 0.7


def _smtp_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        MailServer.from_url(value.get_secret_value(), sender="", timeout=1)
    return value


def _sender(value: str) -> str:
    name, address = parseaddr(value)
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"must be like Homes <homes@example.com>: {error}") from None
    return formataddr((name, address))


class ListingsSettings(ServiceSettings):
    """The settings that this service adds."""

    listings_port: Port = 8001
    listings_url: Url = on_loopback("listings_port")
    listings_database_url: str = sqlite_file("listings.db")
    smtp_url: Annotated[SecretStr | None, AfterValidator(_smtp_url)] = None
    smtp_from: Annotated[str, AfterValidator(_sender)] = "Homestream <homestream@example.com>"

    reports_per_sender: Annotated[int, Field(ge=1)] = 30
    reports_per_recipient: Annotated[int, Field(ge=1)] = 10

    @property
    def mail_server(self) -> MailServer | None:
        """The server that sends reports. Without one, reports stay in the outbox."""
        if self.smtp_url is None:
            return None
        timeout = self.tool_timeout * MAIL_TIMEOUT_SHARE
        return MailServer.from_url(self.smtp_url.get_secret_value(), self.smtp_from, timeout)

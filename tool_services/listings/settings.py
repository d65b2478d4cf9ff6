"""The settings of the listings service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tool_services.framework.mail import DEFAULT_SENDER, MailServer, Sender, SmtpUrl
from tool_services.framework.settings import ServiceSettings

# The share of a tool call's time that sending an e-mail may take.
MAIL_TIMEOUT_SHARE = 0.7


class ListingsSettings(ServiceSettings):
    """The settings that this service adds."""

    smtp_url: SmtpUrl = None
    smtp_from: Sender = DEFAULT_SENDER

    reports_per_sender: Annotated[int, Field(ge=1)] = 30
    reports_per_recipient: Annotated[int, Field(ge=1)] = 10

    @property
    def mail_server(self) -> MailServer | None:
        """The server that sends reports. Without one, reports stay in the outbox."""
        if self.smtp_url is None:
            return None
        timeout = self.tool_timeout * MAIL_TIMEOUT_SHARE
        return MailServer.from_url(self.smtp_url.get_secret_value(), self.smtp_from, timeout)

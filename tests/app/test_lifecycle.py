"""What a serving process does all the time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.db.account_models import Mail
from app.db.models import db
from app.mail import queue
from app.mail.letters import Letter
from scripts.ports import free_port
from tests.support.product import Product, eventually
from tool_services.framework.mail import Email, MailServer


class FaultyServer(MailServer):
    """A mail server with which the first mail meets a fault of our own."""

    met_fault = False

    def send(self, email: Email, before_body: Callable[[], None]) -> None:  # noqa: ARG002
        if not self.met_fault:
            type(self).met_fault = True
            raise RuntimeError("nobody expected this")


def states(product: Product) -> dict[str, str]:
    with product.app.app_context():
        return {mail.recipient: mail.state for mail in db.session.scalars(db.select(Mail))}


def test_a_fault_in_one_round_is_logged_and_the_next_round_goes_on(
    start: Callable[..., Product], caplog: pytest.LogCaptureFixture
) -> None:
    url = f"smtp://127.0.0.1:{free_port()}"
    product = start({}, smtp_url=url)
    server = FaultyServer.from_url(url, "Homestream <homestream@example.com>", 5)
    queue.init_app(product.app, server, product.url)
    with product.app.app_context():
        for name in ("ann", "bob"):
            queue.queue_mail(f"{name}@example.com", Letter("Hello", "Hello\n"), None)
        db.session.commit()
    eventually(lambda: sorted(states(product).values()) == ["going", "sent"])
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.getMessage() == "send_due_mails failed; it is tried again in 1 s"
    assert "nobody expected this" in str(record.exc_info)

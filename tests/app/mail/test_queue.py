"""The queue of mails: sent once, tried again, forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from gevent.pool import Pool

from app.db.account_models import Mail
from app.db.models import db, utc_now
from app.mail.letters import Letter
from app.mail.queue import MOST_ATTEMPTS, forget_old_mails, queue_mail, send_due_mails
from scripts.ports import free_port
from tests.support.product import Product
from tests.tool_services.support.mailbox import Mailbox, running_mailbox

LETTER = Letter("Hello", "https://homestream.example/secret\n", has_link=True)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with running_mailbox(tmp_path / "mail") as mailbox:
        yield mailbox


def queue(product: Product, *recipients: str) -> None:
    with product.app.app_context():
        for recipient in recipients:
            queue_mail(recipient, LETTER, None)
        db.session.commit()


def send(product: Product) -> None:
    with product.app.app_context():
        send_due_mails()


def states(product: Product) -> dict[str, tuple[str, int, str]]:
    with product.app.app_context():
        mails = db.session.scalars(db.select(Mail))
        return {mail.recipient: (mail.state, mail.attempts, mail.text) for mail in mails}


@pytest.mark.engines
def test_each_mail_is_sent_once_however_many_workers_send(
    start: Callable[..., Product], mailbox: Mailbox
) -> None:
    product = start({}, smtp_url=mailbox.url)
    people = [f"{name}@example.com" for name in ("ann", "bob", "refused", "full", "hangs-up")]
    queue(product, *people)
    workers = Pool(4)
    for _ in range(4):
        workers.spawn(send, product)
    workers.join()
    sent = states(product)
    assert {sent[person] for person in people[:2]} == {("sent", 1, "")}, "the link is forgotten"
    assert [sent[person][0] for person in people[2:]] == ["failed", "waiting", "failed"]
    assert sorted(message["To"] for message in mailbox.messages) == [
        *("ann@example.com", "bob@example.com"),
        "hangs-up@example.com",
    ]


def test_a_mail_is_tried_a_few_times_while_the_server_is_away_and_forgotten_after_a_week(
    start: Callable[..., Product],
) -> None:
    product = start({}, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    queue(product, "ann@example.com")
    send(product)
    assert states(product)["ann@example.com"][:2] == ("waiting", 1)
    with product.app.app_context():
        soon = {"attempts": MOST_ATTEMPTS - 1, "due_at": utc_now()}
        db.session.execute(db.update(Mail).values(soon))
        db.session.commit()
        send_due_mails()
        assert states(product)["ann@example.com"] == ("failed", MOST_ATTEMPTS, "")
        db.session.execute(db.update(Mail).values(created_at=utc_now() - timedelta(days=8)))
        db.session.commit()
        forget_old_mails()
    assert states(product) == {}

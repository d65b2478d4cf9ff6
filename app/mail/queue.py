"""The queue of mails: a row for each, which one worker claims and gives to the mail server.

Without a mail server (SMTP_URL) mails are kept, and the operator reads them on the mailbox page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from flask import Flask, current_app
from sqlalchemy import ColumnElement, Update, delete, select, update

from app.db.account_models import Mail
from app.db.changes import count_changed
from app.db.models import User, db, utc_now
from app.mail.letters import Letter
from tool_services.framework.mail import Email, MailError, MailRefused, MailServer, OutcomeUnknown

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
KEPT_FOR = timedelta(days=7)
PAGE_LENGTH = 100
_GRACE = timedelta(seconds=10)
_PAUSE = timedelta(minutes=1)
"""Before the second attempt; twice as long before each further one."""
_UNKNOWN = "The connection broke while the mail server received it, so it may have been sent."


@dataclass(frozen=True)
class _Mailing:
    server: MailServer | None
    app_url: str


def init_app(app: Flask, server: MailServer | None, app_url: str) -> None:
    app.extensions["mail"] = _Mailing(server, app_url)


def has_server() -> bool:
    """Whether mails are sent, and not only kept."""
    return _mailing().server is not None


def where_mails_go() -> str:
    """Return where a mail is once it is queued, as the end of a sentence that begins with it."""
    if has_server():
        return "is on its way"
    return "is in the mailbox of whoever runs this site, since no mail server is set up"


def queue_mail(recipient: str, letter: Letter, user_id: str | None, nobody: str = "") -> None:
    """Add a mail to the current transaction.

    With `nobody`, the reason why nobody is to get it, it is stored without its text and not sent.
    That is as much work, so that time doesn't tell who has an account.
    """
    state = "waiting" if has_server() else "kept"
    mail = Mail(
        recipient=recipient,
        subject=letter.subject,
        text="" if nobody else letter.text,
        has_link=letter.has_link,
        user_id=user_id,
        state="failed" if nobody else state,
        reason=nobody,
    )
    db.session.add(mail)


def latest() -> list[Mail]:
    """List the latest mails, newest first."""
    newest = select(Mail).order_by(Mail.created_at.desc(), Mail.id)
    return list(db.session.scalars(newest.limit(PAGE_LENGTH)))


def of_person(person: User) -> list[Mail]:
    """List the mails about a person's account, and others to their address once it is confirmed.

    The newest comes first.
    """
    theirs: ColumnElement[bool] = Mail.user_id == person.id
    if person.email_verified_at is not None:
        theirs |= (Mail.user_id.is_(None)) & (Mail.recipient == person.email)
    query = select(Mail).where(theirs).order_by(Mail.created_at.desc(), Mail.id)
    return list(db.session.scalars(query))


def send_due_mails() -> None:
    """Send the mails that are due, each claimed by one worker.

    A mail whose worker died while it was sending is sent again, under the same Message-ID: a
    second copy does less harm than none.
    """
    server = _mailing().server
    if server is None:
        return
    due = select(Mail.id).where(Mail.state.in_(("waiting", "going")), Mail.due_at <= utc_now())
    ids = db.session.scalars(due.order_by(Mail.due_at).limit(PAGE_LENGTH)).all()
    db.session.rollback()
    for mail_id in ids:
        if _claim(mail_id, server):
            _send(mail_id, server)


def forget_old_mails() -> None:
    """Delete the mails that are older than a week."""
    db.session.execute(delete(Mail).where(Mail.created_at < utc_now() - KEPT_FOR))
    db.session.commit()


def _claim(mail_id: str, server: MailServer) -> bool:
    """Return whether this worker is now the one that sends the mail."""
    now = utc_now()
    until = now + timedelta(seconds=server.timeout) + _GRACE
    claim = update(Mail).where(
        Mail.id == mail_id, Mail.state.in_(("waiting", "going")), Mail.due_at <= now
    )
    return _changes_one(claim.values(state="going", due_at=until, attempts=Mail.attempts + 1))


def _send(mail_id: str, server: MailServer) -> None:
    mail = db.session.get_one(Mail, mail_id, populate_existing=True)
    email = Email(f"account-{mail.id}@homestream", mail.recipient, mail.subject, mail.text)
    # Don't hold a database connection while the mail server works.
    db.session.expunge(mail)
    db.session.rollback()
    try:
        server.send(email, lambda: None)
    except OutcomeUnknown:
        _end(mail, "failed", _UNKNOWN)
    except MailRefused as error:
        _end(mail, "failed", str(error))
    except MailError as error:
        _try_later(mail, str(error))
    else:
        _end(mail, "sent")


def _end(mail: Mail, state: str, reason: str = "") -> None:
    """Store what became of the mail, and forget a link in it, which somebody might find there."""
    if reason:
        log.warning("a mail was not sent: %s", reason)
    text = "" if mail.has_link else mail.text
    _changes_one(_own(mail).values(state=state, reason=reason, text=text))


def _try_later(mail: Mail, reason: str) -> None:
    if mail.attempts >= MOST_ATTEMPTS:
        _end(mail, "failed", reason)
        return
    at = utc_now() + _PAUSE * 2 ** (mail.attempts - 1)
    _changes_one(_own(mail).values(state="waiting", reason=reason, due_at=at))


def _own(mail: Mail) -> Update:
    """The mail's row, unless another worker has claimed it since."""
    return update(Mail).where(
        Mail.id == mail.id, Mail.state == "going", Mail.attempts == mail.attempts
    )


def _changes_one(statement: Update) -> bool:
    changed = count_changed(statement)
    db.session.commit()
    return bool(changed)


def _mailing() -> _Mailing:
    return cast(_Mailing, current_app.extensions["mail"])

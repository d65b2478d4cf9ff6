"""All that there is of a person: to download, and to delete."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from sqlalchemy import delete, select, update
from sqlalchemy.orm import selectinload

from app.auth import accounts, identities, roles, second_factors, security_log, session_table
from app.auth.place import Place
from app.conversations.files import files_of_conversation
from app.conversations.ownership import load_queue
from app.db.account_models import Identity, Mail, UserSession
from app.db.changes import count_changed
from app.db.file_models import QuestionFile
from app.db.models import Conversation, Message, Run, Step, ToolCall, User, db, iso_utc, utc_now
from app.errors import Conflict, ToolFailure
from app.mail import queue
from app.rendering.sse import compact_json
from app.runs.replay import models_of
from app.tools.outbox import erase_outbox, read_outbox
from app.tools.registry import ToolRegistry

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=7)
"""Time to change one's mind after asking for an account to be deleted."""


def export_person(user_id: str, registry: ToolRegistry) -> Iterator[str]:
    """Yield all of a person's data as one JSON object, a conversation at a time.

    No database connection is held while a piece is on its way, however slow the reader is. Raises
    ToolFailure before the first piece if a service that keeps some doesn't answer.
    """
    outbox = read_outbox(registry, user_id)
    person = db.session.get_one(User, user_id)
    about = {
        "account": accounts.profile(person),
        "sessions": [_session(each) for each in session_table.of_person(user_id)],
        "identities": [_identity(each) for each in identities.of_person(user_id)],
        "securityLog": [security_log.as_json(each) for each in security_log.latest(user_id)],
        "secondFactors": second_factors.as_json(second_factors.of_person(user_id)),
        "mails": [_mail(each) for each in queue.of_person(person)],
        "outbox": outbox,
    }
    ids = select(Conversation.id).where(Conversation.user_id == user_id)
    conversations = db.session.scalars(ids.order_by(Conversation.created_at)).all()
    separator = ""
    db.session.close()
    yield compact_json(about)[:-1] + ',"conversations":['
    for conversation_id in conversations:
        conversation = db.session.get(Conversation, conversation_id)
        # It may have been deleted since the download began.
        piece = conversation and separator + compact_json(_conversation(conversation))
        db.session.close()
        if piece:
            yield piece
            separator = ","
    yield "]}"


def ask_for_deletion(user_id: str) -> datetime:
    """Have the account deleted in a week. Return when. Raises Conflict for the last admin."""
    at = utc_now() + KEPT_FOR
    asked = update(User).where(User.id == user_id, roles.is_not_last(user_id))
    changed = count_changed(asked.values(delete_at=at))
    db.session.commit()
    if not changed:
        raise Conflict(roles.LAST_ADMIN)
    return at


def take_deletion_back(user_id: str) -> None:
    db.session.execute(update(User).where(User.id == user_id).values(delete_at=None))
    db.session.commit()


def delete_due_accounts(registry: ToolRegistry) -> None:
    """Delete the accounts whose week is over, with all that this app and its services have.

    One whose data a service can't delete now is left for the next time.
    """
    now = utc_now()
    due = select(User.id).where(User.delete_at <= now)
    for user_id in db.session.scalars(due).all():
        try:
            erase_outbox(registry, user_id)
        except ToolFailure as error:
            log.warning("an account can't be deleted yet: %s", error)
            continue
        if count_changed(delete(User).where(User.id == user_id, User.delete_at <= now)):
            security_log.note("account_deleted", user_id, Place("", ""))


def _conversation(conversation: Conversation) -> dict[str, Any]:
    messages = db.session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation.id)
        .order_by(Message.position, Message.created_at)
        .options(selectinload(Message.run).selectinload(Run.steps).selectinload(Step.calls))
    ).all()
    files = files_of_conversation(conversation.id)
    return {
        "id": conversation.id,
        "title": conversation.title,
        "shelf": conversation.shelf,
        "pinned": conversation.pinned,
        "model": conversation.model,
        "deleteAt": conversation.delete_at and iso_utc(conversation.delete_at),
        "createdAt": iso_utc(conversation.created_at),
        "messages": [_message(message, files[message.id]) for message in messages],
        "queued": [
            {
                "text": each.text,
                "createdAt": iso_utc(each.created_at),
                "files": [_file(file) for file in each.files],
            }
            for each in load_queue(conversation)
        ],
    }


def _message(message: Message, files: Sequence[QuestionFile]) -> dict[str, Any]:
    run = message.run
    exported = {
        "role": message.role,
        "text": message.content,
        "isCurrent": not message.superseded,
        "createdAt": iso_utc(message.created_at),
    }
    if run is None:
        return exported | {"files": [_file(file) for file in files]}
    return exported | {
        "status": run.status,
        "usage": run.usage,
        "models": models_of(run),
        "thoughts": [step.thoughts for step in run.steps if step.thoughts],
        "rating": run.rating,
        "ratingReason": run.rating_reason,
        "toolCalls": [_call(call) for step in run.steps for call in step.calls],
    }


def _file(file: QuestionFile) -> dict[str, Any]:
    """Return where the file is to be had: all of them may be too much for one answer."""
    return {
        "name": file.name,
        "mediaType": file.media_type,
        "size": file.size,
        "url": url_for("files.show", file_id=file.id, _external=True),
    }


def _call(call: ToolCall) -> dict[str, Any]:
    names = ("name", "arguments", "status", "result", "error")
    return {name: getattr(call, name) for name in names}


def _session(session: UserSession) -> dict[str, Any]:
    return {
        "device": session.device,
        "address": session.address,
        "signedInAt": iso_utc(session.created_at),
        "lastSeenAt": iso_utc(session.renewed_at),
    }


def _identity(identity: Identity) -> dict[str, Any]:
    return {"issuer": identity.issuer, "connectedAt": iso_utc(identity.created_at)}


def _mail(mail: Mail) -> dict[str, Any]:
    """Leave out the text, whose link may still give access to the account."""
    return {
        "subject": mail.subject,
        "recipient": mail.recipient,
        "createdAt": iso_utc(mail.created_at),
        "status": mail.state,
    }

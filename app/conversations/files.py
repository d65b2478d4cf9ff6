"""The files of questions: stored within a quota, found by their questions, removed with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import undefer
from sqlalchemy.orm.interfaces import ORMOption

from app.conversations.file_storage import StoredFile
from app.conversations.uploads import in_megabytes
from app.db.changes import count_changed
from app.db.file_models import QuestionFile, StoredObject
from app.db.models import db, new_id, utc_now
from app.errors import InputError, Unavailable

_STORED = tuple(field.name for field in fields(StoredFile))


def check_quota(user_id: str, wanted: int, quota: int) -> None:
    """Check that `wanted` bytes more may be kept for the person. Raises InputError.

    Where it decides, their row has to be locked, so that two questions at once can't both have the
    last of it.
    """
    if not wanted:
        return
    kept = select(func.coalesce(func.sum(QuestionFile.size), 0))
    used = db.session.scalar(kept.where(QuestionFile.user_id == user_id)) or 0
    if used + wanted > quota:
        raise InputError(
            f"You have {in_megabytes(used)} MB of files in your conversations, and"
            f" {in_megabytes(quota)} MB are kept for each person. These {in_megabytes(wanted)} MB"
            " don't fit: delete conversations with files for good, and try again.",
            field="files",
            status=413,
        )


def add_files(
    user_id: str, conversation_id: str, question_id: str, files: Sequence[StoredFile]
) -> None:
    """Add the files of a question in the current transaction. Raises Unavailable."""
    of_question = {
        "user_id": user_id,
        "conversation_id": conversation_id,
        "question_id": question_id,
        "created_at": utc_now(),
    }
    rows = [
        of_question
        | {"id": new_id(), "position": position}
        | {name: getattr(file, name) for name in _STORED}
        for position, file in enumerate(files)
    ]
    if rows:
        _keep_objects({file.object_key for file in files if file.object_key})
        db.session.execute(insert(QuestionFile), rows)


def _keep_objects(keys: set[str]) -> None:
    """Keep objects from being deleted as unused, until the transaction ends and they are used."""
    if not keys:
        return
    there = (StoredObject.key.in_(keys), StoredObject.unused.is_(False))
    if count_changed(update(StoredObject).where(*there).values(used_at=utc_now())) < len(keys):
        db.session.rollback()
        raise Unavailable("It took too long to store your files. Send the question again.")


def stored_files(question_id: str) -> list[StoredFile]:
    """Load the files of a question, for another one that has them as well."""
    rows = _find(QuestionFile.question_id == question_id, undefer(QuestionFile.content))
    return [StoredFile(*(getattr(row, name) for name in _STORED)) for row in rows[question_id]]


def files_of(question_ids: Sequence[str]) -> Mapping[str, list[QuestionFile]]:
    """Return the files of these questions, which the caller has loaded for their person, by the
    question's id. Their contents are not loaded."""
    return _find(QuestionFile.question_id.in_(question_ids)) if question_ids else {}


def files_of_conversation(conversation_id: str) -> Mapping[str, list[QuestionFile]]:
    """Return the files of a conversation, likewise."""
    return _find(QuestionFile.conversation_id == conversation_id)


def _find(where: ColumnElement[bool], *options: ORMOption) -> Mapping[str, list[QuestionFile]]:
    found: dict[str, list[QuestionFile]] = defaultdict(list)
    for file in db.session.scalars(
        select(QuestionFile).where(where).order_by(QuestionFile.position).options(*options)
    ):
        found[file.question_id].append(file)
    return found


def remove_files(question_id: str) -> None:
    """Delete the files of a question, in the current transaction."""
    count_changed(delete(QuestionFile).where(QuestionFile.question_id == question_id))

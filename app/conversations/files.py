"""The files of questions: stored within a quota, found by their questions, removed with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.orm import undefer
from sqlalchemy.orm.interfaces import ORMOption

from app.conversations.uploads import ReadFile, in_megabytes
from app.db.changes import count_changed
from app.db.file_models import QuestionFile
from app.db.models import db, new_id, utc_now
from app.errors import InputError


def check_quota(user_id: str, files: Sequence[ReadFile], quota: int) -> None:
    """Check that so many bytes more may be kept for the person. Raises InputError.

    Their row has to be locked, so that two questions at once can't both have the last of it.
    """
    if not files:
        return
    kept = select(func.coalesce(func.sum(QuestionFile.size), 0))
    used = db.session.scalar(kept.where(QuestionFile.user_id == user_id)) or 0
    wanted = sum(len(file.content) for file in files)
    if used + wanted > quota:
        raise InputError(
            f"You have {in_megabytes(used)} MB of files in your conversations, and"
            f" {in_megabytes(quota)} MB are kept for each person. These {in_megabytes(wanted)} MB"
            " don't fit: delete conversations with files for good, and try again.",
            field="files",
            status=413,
        )


def add_files(
    user_id: str, conversation_id: str, question_id: str, files: Iterable[ReadFile]
) -> None:
    """Store the files of a question in the current transaction."""
    of_question = {
        "user_id": user_id,
        "conversation_id": conversation_id,
        "question_id": question_id,
        "created_at": utc_now(),
    }
    rows = [
        {
            **of_question,
            "id": new_id(),
            "position": position,
            "name": file.name,
            "media_type": file.media_type,
            "size": len(file.content),
            "width": file.width,
            "height": file.height,
            "beginning": file.beginning,
            "content": file.content,
        }
        for position, file in enumerate(files)
    ]
    if rows:
        db.session.execute(insert(QuestionFile), rows)


def read_files(question_id: str) -> list[ReadFile]:
    """Load the files of a question, to be stored with another one as well."""
    rows = _find(QuestionFile.question_id == question_id, undefer(QuestionFile.content))
    names = [field.name for field in fields(ReadFile)]
    return [ReadFile(*(getattr(row, name) for name in names)) for row in rows[question_id]]


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

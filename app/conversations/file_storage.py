"""Where the contents of files are: in the database with their rows, or in a bucket as objects.

An object has a row of its own from before it is stored until after it is deleted, so none is
forgotten, whenever a process dies. Knows nothing of who may see a file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import gevent
from sqlalchemy import delete, exists, insert, select, update

from app.conversations.uploads import ReadFile
from app.db.changes import count_changed
from app.db.file_models import QuestionFile, StoredObject
from app.db.models import db, new_id, utc_now
from app.errors import HomestreamError, Unavailable

log = logging.getLogger(__name__)

_ADD_SECONDS = 60.0
# Far more than a question takes from its upload to its commit.
_UNUSED_FOR = timedelta(minutes=15)
_MOST_AT_ONCE = 500
_CANT_STORE = "Your files can't be stored just now. Try again in a minute."
_CANT_READ = "The files of this conversation can't be read just now. Try again in a minute."


class BucketFailure(Exception):
    """A bucket didn't do what it was asked to. The text says why, for operators."""


class Bucket(Protocol):
    """A place for objects by name. Each method raises BucketFailure."""

    def put(self, name: str, content: bytes) -> None:
        """Store an object."""

    def get(self, name: str, size: int) -> bytes | None:
        """Return the content of an object of so many bytes; None if it isn't there."""

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as its row has it: with its content, or with the key of the object that has it."""

    name: str
    media_type: str
    size: int
    content: bytes
    object_key: str | None
    beginning: str
    width: int | None
    height: int | None

    @classmethod
    def of(cls, file: ReadFile, object_key: str | None = None) -> StoredFile:
        return cls(
            file.name,
            file.media_type,
            len(file.content),
            b"" if object_key else file.content,
            object_key,
            file.beginning,
            file.width,
            file.height,
        )


class FileStorage(Protocol):
    """A place for the contents of files. Its methods may wait and commit: no transaction may be
    open before."""

    def add(self, files: Sequence[ReadFile]) -> list[StoredFile]:
        """Store contents that are not to be committed with their question. Raises Unavailable."""

    def read(self, key: str, size: int) -> bytes | None:
        """Return the content of an object; None if it isn't there any more. Raises Unavailable."""

    def remove_unused(self) -> None:
        """Delete the objects that no file refers to any more."""


class DatabaseStorage:
    """The database as the place for contents: each is in the row of its file."""

    def add(self, files: Sequence[ReadFile]) -> list[StoredFile]:
        return [StoredFile.of(file) for file in files]

    def read(self, key: str, size: int) -> bytes | None:
        log.error("%s (%d bytes) is in a bucket, but FILES_URL isn't set", key, size)
        raise Unavailable(_CANT_READ)

    def remove_unused(self) -> None:
        """Do nothing: rows are deleted with their conversations."""


class BucketStorage:
    """A bucket as the place for contents."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def add(self, files: Sequence[ReadFile]) -> list[StoredFile]:
        if not files:
            return []
        stored = [StoredFile.of(file, new_id()) for file in files]
        now = utc_now()
        rows = [{"key": each.object_key, "used_at": now, "unused": False} for each in stored]
        db.session.execute(insert(StoredObject), rows)
        db.session.commit()
        late = BucketFailure(f"it took more than {_ADD_SECONDS:g} seconds")
        try:
            with gevent.Timeout(_ADD_SECONDS, late):
                for file, each in zip(files, stored, strict=True):
                    self._bucket.put(str(each.object_key), file.content)
        except BucketFailure as failure:
            raise _unavailable(_CANT_STORE, failure) from None
        return stored

    def read(self, key: str, size: int) -> bytes | None:
        try:
            return self._bucket.get(key, size)
        except BucketFailure as failure:
            raise _unavailable(_CANT_READ, failure) from None

    def remove_unused(self) -> None:
        _mark_unused()
        unused = select(StoredObject.key).where(StoredObject.unused).limit(_MOST_AT_ONCE)
        keys = db.session.scalars(unused).all()
        db.session.commit()
        for key in keys:
            try:
                self._bucket.delete(key)
            except BucketFailure as failure:
                log.warning("unused files can't be deleted yet: %s", failure)
                return
            count_changed(delete(StoredObject).where(StoredObject.key == key))
            db.session.commit()


def _mark_unused() -> None:
    """Mark the objects that no file refers to, and commit. From then on none can."""
    is_used = exists().where(QuestionFile.object_key == StoredObject.key)
    old = (StoredObject.used_at < utc_now() - _UNUSED_FOR, StoredObject.unused.is_(False))
    count_changed(update(StoredObject).where(*old, ~is_used).values(unused=True))
    db.session.commit()


def _unavailable(message: str, failure: BucketFailure) -> HomestreamError:
    log.warning("%s (%s)", message, failure)
    return Unavailable(message, detail=str(failure))

"""The files of questions as a model gets them: texts cut to a budget, and the newest images."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, case, or_, select

from app.agent.messages import AttachedFile, AttachedImage, AttachedText, ImageBytes
from app.agent.usage import BYTES_PER_TOKEN
from app.conversations.file_storage import FileStorage
from app.db.file_models import QuestionFile
from app.db.models import db

_MOST_IMAGES = 4
_MOST_IMAGE_BYTES = 8_000_000
_FILES = QuestionFile.__table__.c
_OF_QUESTION = (
    select(
        *_FILES["name", "media_type", "size", "object_key"],
        case(
            (or_(_FILES.media_type == "text/plain", bindparam("sees")), _FILES.content),
            else_=None,
        ).label("content"),
    )
    .where(_FILES.question_id == bindparam("question"))
    .order_by(_FILES.position)
)


class ObjectContents:
    """The contents of objects for one prompt, which are fetched while no transaction is open.

    A prompt is loaded again until none is `missing`: sizes, by the keys of objects.
    """

    def __init__(self) -> None:
        self._found: dict[str, bytes | None] = {}
        self.missing: dict[str, int] = {}

    def find(self, key: str, size: int) -> bytes | None:
        """Return a content; None if the object isn't there any more. One that is to be fetched is
        stood in for by as many spaces, so that what fits into the prompt is nearly the same."""
        if key not in self._found:
            self.missing[key] = size
            return b" " * size
        return self._found[key]

    def fetch(self, storage: FileStorage) -> None:
        """Fetch what is missing. Raises Unavailable."""
        for key, size in self.missing.items():
            self._found[key] = storage.read(key, size)
        self.missing = {}


class PromptFiles:
    """The files for one prompt, whose questions are asked for from the newest on.

    The texts of each question have `text_tokens` together. Images are sent again with later
    questions, since people go on asking about them, but only the newest, and so many bytes.
    """

    def __init__(self, text_tokens: int, contents: ObjectContents, *, sees: bool) -> None:
        self._contents = contents
        self._text_bytes = text_tokens * BYTES_PER_TOKEN
        self._images = _MOST_IMAGES if sees else 0
        self._image_bytes = _MOST_IMAGE_BYTES

    def of(self, question_id: str) -> tuple[AttachedFile, ...]:
        """Load the files of a question."""
        values = {"question": question_id, "sees": self._images > 0}
        left = self._text_bytes
        files: list[AttachedFile] = []
        for row in db.session.execute(_OF_QUESTION, values):
            if row.media_type == "text/plain":
                files.append(self._text(row, max(left, 0)))
                left -= row.size
            else:
                files.append(self._image(row))
        return tuple(files)

    def _text(self, row: Any, most_bytes: int) -> AttachedText:
        content = self._content(row) if most_bytes else None
        if content is None:
            return AttachedText(row.name, "", row.size)
        text = content.decode()
        return AttachedText(row.name, text, len(text)).cut(most_bytes)

    def _image(self, row: Any) -> AttachedImage:
        if self._images <= 0 or row.size > self._image_bytes:
            return AttachedImage(row.name, row.media_type)
        self._images -= 1
        self._image_bytes -= row.size
        content = self._content(row)
        image = None if content is None else ImageBytes(content)
        return AttachedImage(row.name, row.media_type, image)

    def _content(self, row: Any) -> bytes | None:
        if row.object_key is None:
            return bytes(row.content)
        return self._contents.find(row.object_key, row.size)

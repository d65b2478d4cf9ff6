"""The files of questions as a model gets them: texts cut to a budget, and the newest images."""

from __future__ import annotations

from sqlalchemy import bindparam, case, or_, select

from app.agent.messages import AttachedFile, AttachedImage, AttachedText, ImageBytes
from app.agent.usage import BYTES_PER_TOKEN
from app.db.file_models import QuestionFile
from app.db.models import db

_MOST_IMAGES = 4
_MOST_IMAGE_BYTES = 8_000_000
_FILES = QuestionFile.__table__.c
_OF_QUESTION = (
    select(
        *_FILES["name", "media_type", "size"],
        case(
            (or_(_FILES.media_type == "text/plain", bindparam("sees")), _FILES.content),
            else_=None,
        ).label("content"),
    )
    .where(_FILES.question_id == bindparam("question"))
    .order_by(_FILES.position)
)


class PromptFiles:
    """The files for one prompt, whose questions are asked for from the newest on.

    The texts of each question have `text_tokens` together. Images are sent again with later
    questions, since people go on asking about them, but only the newest, and so many bytes.
    """

    def __init__(self, text_tokens: int, *, sees: bool) -> None:
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
                text = row.content.decode()
                files.append(AttachedText(row.name, text, len(text)).cut(max(left, 0)))
                left -= row.size
            else:
                files.append(self._image(row.name, row.media_type, row.content))
        return tuple(files)

    def _image(self, name: str, media_type: str, content: bytes | None) -> AttachedImage:
        if content is None or self._images <= 0 or len(content) > self._image_bytes:
            return AttachedImage(name, media_type)
        self._images -= 1
        self._image_bytes -= len(content)
        return AttachedImage(name, media_type, ImageBytes(content))

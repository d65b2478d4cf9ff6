"""A question's files as the model reads them: marked as data from outside, like a tool's result."""

from __future__ import annotations

from app.agent.messages import AttachedFile, AttachedText, Message
from app.agent.tool_results import mark_untrusted

_UNSEEN = (
    "The person attached this image, but you can't see images. Don't guess what it shows: where it"
    " matters, say that you can't see it."
)
_NOT_AGAIN = "The person attached this image. It was sent to you earlier, and isn't here again."


def render_question(message: Message, *, can_see: bool) -> str:
    """Return the question's text, and after it what there is to say of each file."""
    return "\n\n".join([message.text, *(_render(file, can_see) for file in message.files)])


def _render(file: AttachedFile, can_see: bool) -> str:
    if isinstance(file, AttachedText):
        note = "The person attached this file."
        if len(file.text) < file.length:
            note += f" Only the first {len(file.text):,} of {file.length:,} characters are here."
        return mark_untrusted({"file": file.name, "text": file.text}, note)
    if not can_see:
        return mark_untrusted({"image": file.name}, _UNSEEN)
    note = "The person attached this image. It follows." if file.image else _NOT_AGAIN
    return mark_untrusted({"image": file.name}, note)

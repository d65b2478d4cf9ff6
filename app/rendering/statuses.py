"""What a run is busy with, in the language of its reader: the event log has it in English."""

from __future__ import annotations

from flask_babel import gettext

from app.rendering.languages import translated
from app.texts import later

_CALLING, _END = "Calling ", "…"
_KNOWN = (
    later("Thinking…"),
    later("Reading the results…"),
    later("Waiting for your approval…"),
)


def status_words(message: str) -> str:
    """Return the words for a status; one that isn't the engine's stays as it is."""
    if message in _KNOWN:
        return translated(message)
    if message.startswith(_CALLING) and message.endswith(_END):
        tools = message.removeprefix(_CALLING).removesuffix(_END)
        return str(gettext("Calling %(tools)s…", tools=tools))
    return message

"""A question that could not be sent, kept until its person can send it."""

from __future__ import annotations

import json
import zlib

from flask import request, session
from werkzeug.exceptions import HTTPException

from app.auth.sealing import Unreadable, seal_bytes, unseal_bytes

_LONGEST = 2_000  # characters; it travels in a cookie


def typed_question() -> str:
    """Return the question in the form that was sent; "" if there is none that can be read."""
    return _field("message")


def keep_draft() -> None:
    """Keep the question for the person whose page it was typed on.

    The page says who that is, since nobody may be signed in any more.
    """
    if request.method == "POST":
        session["draft"] = seal_draft(_field("person"), typed_question()[:_LONGEST])


def seal_draft(user_id: str, typed: str) -> str:
    """Return a draft as the cookie has it: encrypted, since others may use the browser meanwhile,
    and compressed, since a cookie is short."""
    return seal_bytes(zlib.compress(json.dumps([user_id, typed]).encode()))


def take_draft(user_id: str) -> str:
    """Return this person's draft, or "". The stored draft is removed in any case."""
    try:
        sealed = str(session.pop("draft", ""))
        person, typed = json.loads(zlib.decompress(unseal_bytes(sealed)))
    except Unreadable:
        return ""
    return str(typed) if person == user_id else ""


def drop_draft() -> None:
    session.pop("draft", None)


def _field(name: str) -> str:
    try:
        return request.form.get(name, "")
    except HTTPException:
        # The body is too large, say.
        return ""

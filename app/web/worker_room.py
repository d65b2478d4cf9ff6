"""Whether this worker takes another question, checked before anything else is done for it."""

from __future__ import annotations

from flask import request

from app.lifecycle import services


def check_room() -> None:
    """Refuse a question where this worker has no room for another run. Raises WorkerFull.

    For a blueprint's `before_request`, before anybody is asked to sign in: a question that can't
    be taken must cost next to nothing, or it would slow the answers that are being written.
    """
    if request.method == "POST":
        services().runs.check_room()

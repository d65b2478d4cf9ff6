"""What a new password has to be."""

from __future__ import annotations

from app.texts import later

SHORTEST, LONGEST = 10, 256

_ENOUGH = 2
"""zxcvbn's score from which more than a million guesses are needed."""
_RATED = 72
"""Characters that are rated: that takes 30 ms at most, and the rest can only make it stronger."""


def password_problem(password: str, email: str) -> str | None:
    """Return a sentence that says why this can't be the password of the account; None if it can."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"Enter a password of {SHORTEST} to {LONGEST} characters."
    name, _, _ = email.lower().partition("@")
    if password.lower() in (email.lower(), name):
        return later("Your e-mail address can't be your password: choose something else.")
    from zxcvbn import zxcvbn  # its lists take megabytes, for what few workers ever do

    if zxcvbn(password[:_RATED], user_inputs=[email, name])["score"] < _ENOUGH:
        return later("This password is among the first that are guessed: choose something else.")
    return None

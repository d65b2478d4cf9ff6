"""How often accounts may be made, passwords tried and tokens taken, by address and by account.

An account's own limit would let anybody shut its owner out. So a browser that has signed in before
is known by a cookie, and its tries are counted apart from everybody else's.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from app.auth.rate_limits import Attempt, Limit, RateLimits, digest
from app.auth.signed_texts import timed_signer
from app.config import Settings
from app.db.models import new_id

_KNOWN_DEVICE_SECONDS = 180 * 24 * 3600
_TOO_MANY_TRIES = "Too many tries."
_TOO_MANY_MAILS = "Too many mails were asked for."


@dataclass(frozen=True)
class AccountLimits:
    counters: RateLimits
    by_address: Limit
    by_account: Limit
    sign_ups: Limit
    tokens: Limit
    second_steps: Limit
    answers: Limit
    resets: Limit
    mails: Limit
    known_devices: URLSafeTimedSerializer
    cookie: str


def init_app(app: Flask, settings: Settings, counters: RateLimits) -> None:
    app.extensions["account_limits"] = AccountLimits(
        counters,
        Limit("failed log-ins by address", settings.sign_in_limit, _TOO_MANY_TRIES),
        Limit("failed log-ins by account", settings.account_limit, _TOO_MANY_TRIES),
        Limit("sign-ups by address", settings.sign_up_limit, "Too many accounts from here."),
        Limit("tokens for services", settings.exchange_limit, "Too many tokens for tool services."),
        Limit("failed second steps by account", settings.second_factor_limit, _TOO_MANY_TRIES),
        # Longer than a state is good for.
        Limit("answers of a provider", "1 per 20 minutes", "This has been answered."),
        Limit("mails asked for by address", settings.reset_limit, _TOO_MANY_MAILS),
        Limit("mails to an e-mail address", settings.mail_limit, _TOO_MANY_MAILS),
        timed_signer(app.config["SECRET_KEY"], "known device"),
        "__Host-device" if settings.secure else "device",
    )


def count_sign_up() -> None:
    """Count a sign-up from the request's address. Raises TooMany."""
    _limits().counters.count(_limits().sign_ups, _address())


def count_token(user_id: str) -> None:
    """Count a token that a person's own program gets for a tool service. Raises TooMany."""
    _limits().counters.count(_limits().tokens, user_id)


def count_reset() -> None:
    """Count a mail that is asked for without being signed in. Raises TooMany."""
    _limits().counters.count(_limits().resets, _address())


def count_mail(email: str) -> None:
    """Count a mail that is asked for to an e-mail address, with an account or without one.

    Raises TooMany.
    """
    _limits().counters.count(_limits().mails, email)


def forget_failures(email: str) -> None:
    """Let the account's owner log in at once, who has just shown who they are."""
    limits = _limits()
    for key in filter(None, (email, _known_device(email))):
        limits.counters.forget(limits.by_account, key)


def password_attempt(email: str) -> AbstractContextManager[Attempt]:
    """Count a try of this account's password, unless it succeeds. Raises TooMany."""
    limits = _limits()
    account = email.strip().lower()
    return limits.counters.attempt(
        (limits.by_address, _address()),
        (limits.by_account, _known_device(account) or account),
    )


def second_step_attempt(email: str) -> AbstractContextManager[Attempt]:
    """Count a try of this account's second step, unless it succeeds. Raises TooMany."""
    limits = _limits()
    account = email.strip().lower()
    return limits.counters.attempt(
        (limits.by_address, _address()),
        (limits.second_steps, _known_device(account) or account),
    )


def nameless_attempt() -> AbstractContextManager[Attempt]:
    """Count a try to sign in that names no account, unless it succeeds. Raises TooMany."""
    return _limits().counters.attempt((_limits().by_address, _address()))


def count_answer(state: str) -> None:
    """Count the answer to a sign-in by a provider. Raises TooMany for a second one."""
    _limits().counters.count(_limits().answers, state)


def remember_device(response: Response, email: str) -> None:
    """Let the browser be known as one that has signed in to this account."""
    if _known_device(email) is not None:
        return
    response.set_cookie(
        _limits().cookie,
        _limits().known_devices.dumps([digest(email), new_id()]),
        max_age=_KNOWN_DEVICE_SECONDS,
        secure=current_app.config["JWT_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def is_known_device(email: str) -> bool:
    """Whether the browser has signed in to this account before."""
    return _known_device(email) is not None


def _known_device(email: str) -> str | None:
    """Return what names the browser, if it has signed in to this account before."""
    try:
        account, device = _limits().known_devices.loads(request.cookies.get(_limits().cookie, ""))
    except BadData:
        return None
    return f"{device} {email}" if account == digest(email) else None


def _address() -> str:
    return request.remote_addr or ""


def _limits() -> AccountLimits:
    return cast(AccountLimits, current_app.extensions["account_limits"])

"""What a person has for the second step of signing in: an app, passkeys, recovery codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.auth import authenticator_apps, passkeys, recovery_codes
from app.auth.security_log import Kind
from app.db.account_models import AuthenticatorApp, Passkey
from app.db.models import db, iso_utc

_LONGEST_CODE = 100


@dataclass(frozen=True)
class SecondFactors:
    """`app_since` is when the authenticator app was set up, None if there is none."""

    app_since: datetime | None
    passkeys: list[Passkey]
    recovery_codes_left: int

    @property
    def needed(self) -> bool:
        """Whether a right password is not enough to sign in."""
        return self.app_since is not None or bool(self.passkeys)


def of_person(user_id: str) -> SecondFactors:
    since = select(AuthenticatorApp.created_at).where(AuthenticatorApp.user_id == user_id)
    return SecondFactors(
        db.session.scalar(since), passkeys.of_person(user_id), recovery_codes.left(user_id)
    )


def use_code(user_id: str, code: str) -> Kind | None:
    """Use up a code of the app or a recovery code. Return the security log's kind; None if it is
    neither."""
    if len(code) > _LONGEST_CODE:
        return None
    if authenticator_apps.use_code(user_id, code):
        return "second_factor_used"
    return "recovery_code_used" if recovery_codes.use(user_id, code) else None


def first_codes(user_id: str) -> list[str]:
    """Make recovery codes for a person who has none left; otherwise return no codes."""
    return [] if recovery_codes.left(user_id) else recovery_codes.make(user_id)


def forget_useless_codes(user_id: str) -> None:
    """Forget the recovery codes once there is no second step any more."""
    if not of_person(user_id).needed:
        recovery_codes.forget(user_id)


def as_json(factors: SecondFactors) -> dict[str, Any]:
    """Return what a person has, without any secret."""
    return {
        "authenticatorApp": factors.app_since and iso_utc(factors.app_since),
        "recoveryCodesLeft": factors.recovery_codes_left,
        "passkeys": [
            {
                "id": passkey.id,
                "name": passkey.name,
                "createdAt": iso_utc(passkey.created_at),
                "lastUsedAt": passkey.used_at and iso_utc(passkey.used_at),
            }
            for passkey in factors.passkeys
        ],
    }

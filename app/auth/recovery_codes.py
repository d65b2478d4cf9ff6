"""Recovery codes: ten for each person, each good for one second step.

They are stored as SHA-256 hashes. A slow hash, as passwords have, would gain nothing: a code is 80
random bits, which nobody can try one by one.
"""

from __future__ import annotations

import secrets
from hashlib import sha256

from sqlalchemy import delete, func, select, update

from app.db.account_models import RecoveryCode
from app.db.changes import count_changed
from app.db.models import db, utc_now

COUNT = 10
# 32 letters, 5 bits each, without those that look alike: l and 1, o and 0.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_LENGTH = 16
_GROUP = 4


def make(user_id: str) -> list[str]:
    """Store new codes in place of the old ones, and return them: this is the only time."""
    codes = [_new_code() for _ in range(COUNT)]
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.add_all(RecoveryCode(user_id=user_id, hash=_hash(user_id, code)) for code in codes)
    db.session.commit()
    return codes


def use(user_id: str, code: str) -> bool:
    """Use up one of the person's codes. False if it is none, or was used before."""
    unused = update(RecoveryCode).where(
        RecoveryCode.user_id == user_id,
        RecoveryCode.hash == _hash(user_id, code),
        RecoveryCode.used_at.is_(None),
    )
    changed = count_changed(unused.values(used_at=utc_now()))
    db.session.commit()
    return bool(changed)


def left(user_id: str) -> int:
    """Count the person's codes that were not used."""
    unused = (RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def forget(user_id: str) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.commit()


def _new_code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def _hash(user_id: str, code: str) -> str:
    """Hash a code however it was typed. With the person's id, so that no guess is good for all."""
    typed = "".join(code.lower().replace("-", "").split())
    return sha256(f"{user_id} {typed}".encode()).hexdigest()

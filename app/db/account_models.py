"""The tables around accounts: sessions, security log, mails, invitations, ways to sign in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models import db, new_id, utc_now


class EndedSession(db.Model):  # type: ignore[name-defined, misc]
    """A session that ended. Only for nodes of versions before 0.3, which have no other table."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UserSession(db.Model):  # type: ignore[name-defined, misc]
    """A user's sign-in, on one device. `id` is the `sid` of its tokens.

    `generation` counts its tokens; only the last refresh token is good, and no access token before
    `oldest_generation`. `address` and `device` (what the browser calls itself) are those of the
    last renewal, at `renewed_at`. `password_at` is when the password was last given. It is over at
    `ended_at` or `expires_at`.
    """

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int]
    oldest_generation: Mapped[int] = mapped_column(server_default="0")
    address: Mapped[str] = mapped_column(String(45))
    device: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime]
    renewed_at: Mapped[datetime]
    password_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or self.expires_at <= utc_now()


class SecurityEvent(db.Model):  # type: ignore[name-defined, misc]
    """Something that matters to the security of an account: see app/auth/security_log.py.

    Not bound to the user's row, so that it outlives the account.
    """

    __tablename__ = "security_events"
    __table_args__ = (Index("ix_security_events_user_at", "user_id", "at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    user_id: Mapped[str | None] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(30))
    address: Mapped[str] = mapped_column(String(45))
    device: Mapped[str] = mapped_column(String(300))
    detail: Mapped[str] = mapped_column(String(200))


class Mail(db.Model):  # type: ignore[name-defined, misc]
    """A mail about an account: see app/mail/queue.py.

    `state` is waiting, going, sent, failed or kept. `due_at` is when to try it (again): for one
    that is going, when the worker that has it counts as dead. `has_link` says that its text gives
    access to an account.
    """

    __tablename__ = "mails"
    __table_args__ = (Index("ix_mails_state_due", "state", "due_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    has_link: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(default=utc_now)


class EmailChange(db.Model):  # type: ignore[name-defined, misc]
    """A change of a person's address that both addresses have to confirm until `expires_at`.

    `session_id` is that of the session that asked for it.
    """

    __tablename__ = "email_changes"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    session_id: Mapped[str] = mapped_column(String(32))
    new_email: Mapped[str] = mapped_column(String(254))
    old_confirmed_at: Mapped[datetime | None]
    new_confirmed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class Invitation(db.Model):  # type: ignore[name-defined, misc]
    """A link with which `uses_left` people can sign up until `expires_at`.

    Only the digest of its code is stored, so that a copy of the database lets nobody in.
    """

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    code_digest: Mapped[str] = mapped_column(String(64), unique=True)
    made_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    uses_left: Mapped[int]


class PendingSignUp(db.Model):  # type: ignore[name-defined, misc]
    """An account to be made once its address is confirmed, until `expires_at`."""

    __tablename__ = "pending_sign_ups"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(255))
    invitation_digest: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuthenticatorApp(db.Model):  # type: ignore[name-defined, misc]
    """An app that shows a person's codes (TOTP), set up and confirmed by a code.

    `secret` is encrypted. `last_step` is the time step of the last code that was used: older codes
    are refused.
    """

    __tablename__ = "authenticator_apps"

    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[str] = mapped_column(Text)
    last_step: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class RecoveryCode(db.Model):  # type: ignore[name-defined, misc]
    """The hash of a code that is good for one second step, where the app or passkey is lost."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None]


class Passkey(db.Model):  # type: ignore[name-defined, misc]
    """A WebAuthn credential. `credential_id` is base64url, `public_key` a COSE key."""

    __tablename__ = "passkeys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    used_at: Mapped[datetime | None]


class UsedChallenge(db.Model):  # type: ignore[name-defined, misc]
    """A passkey's challenge that was used, so that it can't be used again before it expires."""

    __tablename__ = "used_challenges"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Identity(db.Model):  # type: ignore[name-defined, misc]
    """Who a user is at a provider: its issuer's name for itself, and its id of the person."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

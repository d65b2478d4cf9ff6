"""Questions that wait until the answer before them is over."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "queued_questions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "user_id", sa.String(32), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column(
            "conversation_id",
            sa.String(32),
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked_as", sa.String(32), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("try_at", sa.Double(), nullable=False, server_default="0"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
    )
    op.create_index(
        "ix_queued_questions_conversation", "queued_questions", ["conversation_id", "created_at"]
    )
    op.create_index(
        "ix_queued_questions_user_asked_as",
        "queued_questions",
        ["user_id", "asked_as"],
        unique=True,
    )
    op.create_index("ix_queued_questions_held", "queued_questions", ["held", "try_at"])


def downgrade() -> None:
    op.drop_table("queued_questions")

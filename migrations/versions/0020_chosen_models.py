"""The model that a person has chosen: of a conversation, a run and a queued question."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
_TABLES = ("conversations", "runs", "queued_questions")


def upgrade() -> None:
    for name in _TABLES:
        op.add_column(name, sa.Column("model", sa.String(100), nullable=True))


def downgrade() -> None:
    # Not in a batch, which would make the table anew: triggers of the search name it.
    for name in _TABLES:
        op.drop_column(name, "model")

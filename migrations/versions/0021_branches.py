"""Which message each one follows, and when it left the current branch."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("parent_id", sa.String(32), nullable=True))
    op.add_column("messages", sa.Column("superseded_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    # Not as a batch, which would make the table anew, without the triggers of the search.
    op.drop_column("messages", "superseded_at")
    op.drop_column("messages", "parent_id")

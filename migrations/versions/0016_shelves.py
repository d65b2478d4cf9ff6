"""Where a conversation is (list, archive, trash, temporary), pinned, and where its title is from."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("conversations") as table:
        for name, default in (("titled_by", "question"), ("shelf", "list")):
            table.add_column(sa.Column(name, sa.String(10), nullable=False, server_default=default))
        table.add_column(
            sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("delete_at", sa.DateTime(), nullable=True))
    order = ["user_id", "shelf", "pinned", "updated_at", "id"]
    op.create_index("ix_conversations_shelf", "conversations", order)
    op.create_index("ix_conversations_delete_at", "conversations", ["delete_at"])


def downgrade() -> None:
    op.drop_index("ix_conversations_delete_at", "conversations")
    op.drop_index("ix_conversations_shelf", "conversations")
    with op.batch_alter_table("conversations") as table:
        for name in ("delete_at", "pinned", "shelf", "titled_by"):
            table.drop_column(name)

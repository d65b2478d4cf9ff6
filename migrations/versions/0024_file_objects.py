"""Contents of files outside the database: the key of each file's object, and what objects there
are."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_objects",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("used_at", sa.DateTime(), nullable=False),
        sa.Column("unused", sa.Boolean(), nullable=False),
    )
    # A column, since the table can be large: SQLite changes no column without writing it anew.
    op.add_column("question_files", sa.Column("object_key", sa.String(32), nullable=True))
    op.create_index("ix_question_files_object", "question_files", ["object_key"])


def downgrade() -> None:
    op.drop_index("ix_question_files_object", "question_files")
    op.drop_column("question_files", "object_key")
    op.drop_table("stored_objects")

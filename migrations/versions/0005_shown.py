"""What a tool shows people, and the preview of a call that needs approval."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = (("tool_calls", "shown"), ("approvals", "preview"))


def upgrade() -> None:
    for table, column in _COLUMNS:
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column(column, sa.JSON(), nullable=True))


def downgrade() -> None:
    for table, column in _COLUMNS:
        with op.batch_alter_table(table) as changed:
            changed.drop_column(column)

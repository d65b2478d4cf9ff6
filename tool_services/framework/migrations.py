"""What every service's `migrations/env.py` does: run the migrations alone, and all or none."""

from __future__ import annotations

from alembic import context
from flask import current_app

from tool_services.framework.database import begin_alone


def run_migrations() -> None:
    """Bring the current app's own tables up to date."""
    migrate = current_app.extensions["migrate"]
    with migrate.db.engine.connect() as connection:
        begin_alone(connection)
        context.configure(
            connection=connection,
            target_metadata=migrate.db.metadata,
            transactional_ddl=True,
            **migrate.configure_args,
        )
        context.run_migrations()
        connection.commit()

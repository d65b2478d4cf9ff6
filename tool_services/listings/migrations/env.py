"""Alembic's entry point, at each start and for `flask --app tool_services.listings.app db`."""

from tool_services.framework.migrations import run_migrations

run_migrations()

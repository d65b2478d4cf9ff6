"""Alembic's entry point, for the migrations of every service."""

from tool_services.framework.migrations import run_migrations

run_migrations()

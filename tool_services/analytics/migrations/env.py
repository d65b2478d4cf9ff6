"""`flask --app tool_services.analytics db upgrade` comes here, and every start of the service."""

from tool_services.framework.migrations import run_migrations

run_migrations()

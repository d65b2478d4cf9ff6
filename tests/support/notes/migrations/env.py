from tool_services.framework.migrations import run_migrations

run_migrations()

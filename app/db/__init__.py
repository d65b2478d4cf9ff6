"""The database: tables, connections, and whether it is there."""

"""Write the migration of a tool service after its models have changed: `make migration`."""

from __future__ import annotations

import os
import subprocess
import sys

from tool_services import all_services
from tool_services.framework.migrations import write_migration
from tool_services.framework.revisions import has_migrations


def main() -> None:
    name = os.environ.get("SERVICE", "")
    if not name:
        sys.exit("Name the service: make migration SERVICE=tickets")
    service = all_services.service(name)
    if service.database is None:
        sys.exit(f'{name} has no database. Give its SERVICE one, such as database=".models:db".')
    has_tables = has_migrations(service.folder)
    message = os.environ.get("MESSAGE") or ("Change the tables" if has_tables else "Add the tables")
    written = write_migration(service, message)
    if written is None:
        print(f"The migrations of {name} have all that its models have.")
    else:
        command = [sys.executable, "-m", "ruff", "format", "--quiet", str(written)]
        subprocess.run(command, check=True)  # noqa: S603
        print(f"Read what it does, and commit it: {written}")


if __name__ == "__main__":
    main()

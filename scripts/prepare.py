"""Makes what must be there before a start: the secrets, and the database in its newest shape.

The tool services need nothing here: each makes its own tables and loads its sample rows.
"""

from __future__ import annotations

import subprocess
import sys

from scripts.launch import ROOT, LaunchError, plan, program_env


def migrate() -> None:
    """Bring the web app's database up to date; raises LaunchError with what went wrong."""
    flask = (sys.executable, "-m", "flask", "--app", "wsgi")
    result = subprocess.run(  # noqa: S603
        [*flask, "db", "upgrade", "--directory", str(ROOT / "migrations")],
        env=program_env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        said = result.stdout.rstrip()
        raise LaunchError(f"{said}\nThe database could not be migrated; the reason stands above.")


def main() -> None:
    try:
        plan()
        migrate()
    except LaunchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""SQLite files and their folder, closed to other users of the machine: the app's and a service's.

This module knows no database: what connects calls it before each connection.
"""

from __future__ import annotations

import os
from pathlib import Path

_OTHERS = 0o077


def make_private_folder(folder: Path) -> None:
    """Create the folder with mode 0700, or close it to others if it is ours. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close(folder)


def keep_database_private(database: str) -> None:
    """Create the SQLite file with mode 0600, or close it to others if it is ours.

    `database` is what SQLite opens: a path, or a URI that begins with `file:`.
    """
    path = database.removeprefix("file:").partition("?")[0]
    if not path or ":memory:" in database:
        return
    # O_EXCL: closing a file that SQLite has open too would drop this process's locks on it.
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        # SQLite gives -wal and -shm the database's mode when it creates them.
        for suffix in ("", "-wal", "-shm"):
            _close(Path(path + suffix))
    except OSError:
        return  # SQLite can't create it either, and its own error has the sentence


def _close(path: Path) -> None:
    """Take the path from everybody but its owner. What others own stays as they want it."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if status.st_mode & _OTHERS and status.st_uid == os.geteuid():
        path.chmod(status.st_mode & ~_OTHERS & 0o7777)

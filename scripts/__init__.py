"""The commands behind `make`: set up, run everything on this machine, and test."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class StartError(Exception):
    """A command can't go on. The message says why, and what to do about it."""

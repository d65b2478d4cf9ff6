"""Make a new key to sign tokens for tool services, which takes over after a while."""

from __future__ import annotations

import sys
import time

from app.auth.signing_keys import rotate
from app.config import load_settings
from app.config_errors import SettingsError

DELAY_SECONDS = 60.0
"""For how long the new key is only published: time to copy it to the other nodes."""


def main(delay: float = DELAY_SECONDS) -> str:
    """Make the key and return what to tell. Raises ValueError."""
    file, moment = rotate(load_settings().signing_key_file, delay)
    at = time.strftime("%H:%M:%S", time.localtime(moment))
    return (
        f"{file} signs from {at} on. If there are other nodes, copy it to each of them before."
        " Nothing has to be restarted."
    )


if __name__ == "__main__":
    try:
        print(main(*map(float, sys.argv[1:])))
    except (OSError, ValueError, SettingsError) as error:
        sys.exit(f"There is no new key: {error}")

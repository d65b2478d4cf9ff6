"""Chromium and w3m, the browsers that the tests drive: found, or installed when missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_MEND = {
    "chromium": "install Chromium or Google Chrome",
    "w3m": "install w3m with your package system (apt-get, dnf, brew ... install w3m)",
}


def chromium() -> str | None:
    """The path of an installed Chromium or Chrome; None means Playwright's own is to be used."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return found or next((app for app in CHROMIUM_APPS if Path(app).exists()), None)


def missing() -> list[str]:
    """The Debian names of what no program on this machine stands for yet."""
    found = {"chromium": chromium() or _playwright_chromium(), "w3m": shutil.which("w3m")}
    return [name for name, path in found.items() if path is None]


def _playwright_chromium() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install(names: Iterable[str]) -> None:
    """Try each way that this machine knows to install `names`; what it can't stays missing."""
    for command in _commands(list(names)):
        print("Installing for the tests:", " ".join(command), flush=True)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, env=env, check=False)  # noqa: S603


def _commands(names: list[str]) -> Iterator[list[str]]:
    if shutil.which("apt-get"):
        sudo = ["sudo"] if os.geteuid() != 0 and shutil.which("sudo") else []
        yield [*sudo, "apt-get", "update", "-qq"]
        # One by one: Ubuntu has no chromium package, and that must not cost w3m.
        yield from ([*sudo, "apt-get", "install", "-y", "-qq", name] for name in names)
    elif "w3m" in names and shutil.which("brew"):
        yield ["brew", "install", "--quiet", "w3m"]
    if "chromium" in names and chromium() is None:
        yield [sys.executable, "-m", "playwright", "install", "chromium"]


def main() -> None:
    names = missing()
    if names:
        install(names)
    still = missing() if names else []
    if still:
        sys.exit(
            "\n".join(
                f"The tests need {name}: {_MEND[name]}, then run make again." for name in still
            )
        )


if __name__ == "__main__":
    main()

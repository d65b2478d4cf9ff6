"""Find Chromium, w3m, nginx and Firefox, which the tests run, and install those that are missing.

nginx is unpacked rather than installed, because Debian's package starts serving by itself.
Firefox is for Debian alone: elsewhere it is another package or none, and its tests are skipped,
or fail with CI=true.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The shell has no windows, so it takes a fifth less CPU.
CHROMIUM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
CHROMIUM_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_UNPACKED = Path(sys.prefix) / "nginx"


def chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome; None for Playwright's own."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return found or next((app for app in CHROMIUM_APPS if Path(app).exists()), None)


def nginx() -> str | None:
    """Return the path of nginx."""
    unpacked = _UNPACKED / "usr" / "sbin" / "nginx"
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("nginx", path=places) or (str(unpacked) if unpacked.exists() else None)


def firefox() -> str | None:
    """Return the path of Debian's Firefox."""
    return shutil.which("firefox-esr")


def missing_programs() -> list[str]:
    """Return the names of those that are not on this machine."""
    paths = {
        "chromium": chromium() or _playwright_chromium(),
        "w3m": shutil.which("w3m"),
        "nginx": nginx(),
    }
    if _is_debian():
        paths["firefox"] = firefox()
    return [name for name, path in paths.items() if path is None]


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:  # macOS
        return False


def install(name: str, *, system_only: bool = False) -> None:
    """Try each way this machine has to install the program."""
    if shutil.which("apt-get"):
        _unpack_nginx() if name == "nginx" else _apt_get("install", "-y", *_packages(name))
    elif shutil.which("brew") and name != "chromium":
        _run(["brew", "install", "--quiet", name])
    # Ubuntu has no package of Chromium that can be used.
    if name == "chromium" and chromium() is None and not system_only:
        _run([sys.executable, "-m", "playwright", "install", "chromium"])


def _packages(name: str) -> tuple[str, ...]:
    """Return what apt-get calls the program."""
    # What Firefox recommends, media among it, takes as long as itself.
    packages = {
        "chromium": ("chromium-headless-shell",),
        "firefox": ("--no-install-recommends", "firefox-esr"),
    }
    return packages.get(name, (name,))


def _playwright_chromium() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:  # it is not installed yet
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _unpack_nginx() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "nginx"], folder)
        for package in Path(folder).glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(package), str(_UNPACKED)])


def _apt_get(*arguments: str) -> None:
    sudo = ["sudo"] if os.geteuid() != 0 and shutil.which("sudo") else []
    _run([*sudo, "apt-get", "-qq", *arguments])


def _run(command: list[str], folder: str | None = None) -> None:
    print("Installing for the tests:", " ".join(command), flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, cwd=folder, env=env, check=False)  # noqa: S603


def main(*, system_only: bool = False) -> None:
    """Install what is missing. `system_only` does so as far as the system has packages, and leaves
    the rest to the next call; no Python package need be there yet."""
    missing = missing_programs()
    if missing and shutil.which("apt-get"):
        _apt_get("update")
    for name in missing:
        install(name, system_only=system_only)
    if missing and not system_only and (still := missing_programs()):
        names = " and ".join(still)
        sys.exit(f"The tests need {names}: install with apt-get, dnf or brew, then run make again.")


if __name__ == "__main__":
    main(system_only="--system" in sys.argv)

"""nginx, which the tests run deploy/nginx.conf with: found, or unpacked from Debian's package.

Unpacked rather than installed, since an installed one would start serving by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNPACKED = Path(sys.prefix) / "nginx"


def nginx() -> str | None:
    """The program's path; None when it is not here."""
    unpacked = UNPACKED / "usr" / "sbin" / "nginx"
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("nginx", path=places) or (str(unpacked) if unpacked.exists() else None)


def unpack() -> None:
    """Try to get it where there is apt; without it nothing happens."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return
    sudo = ["sudo"] if os.geteuid() != 0 and shutil.which("sudo") else []
    with tempfile.TemporaryDirectory() as folder:
        print("Fetching nginx for the tests", flush=True)
        if not _download(folder):
            subprocess.run([*sudo, "apt-get", "update", "-qq"], check=False)  # noqa: S603
            _download(folder)
        for package in Path(folder).glob("*.deb"):
            command = ["dpkg-deb", "--extract", str(package), str(UNPACKED)]
            subprocess.run(command, check=False)  # noqa: S603


def _download(folder: str) -> bool:
    done = subprocess.run(
        ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "nginx"],  # noqa: S607
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0 and any(Path(folder).glob("*.deb"))


def main() -> None:
    if nginx() is None:
        unpack()
    if nginx() is None:
        sys.exit("The tests need nginx: install it with your package system, then run make again.")


if __name__ == "__main__":
    main()

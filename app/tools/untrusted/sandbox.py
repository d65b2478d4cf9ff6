"""Runs the checks of what one server sends in a process of its own.

Such a check may need weeks or all memory, and nothing else runs in the process meanwhile. In a
process of its own it has a time limit and a memory limit that the operating system holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.errors import ToolFailure
from app.tools.untrusted import checks
from app.tools.untrusted.checks import Mistake
from app.tools.untrusted.limits import CHECK_BYTES, CHECK_SECONDS

_COMMAND = (
    *(sys.executable, "-I", str(Path(checks.__file__))),
    *(str(CHECK_SECONDS), str(CHECK_BYTES)),
)


class Sandbox:
    """The checks of one server's data. Each raises ToolFailure when it reaches a limit."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self._in_use = threading.Lock()

    def schema_problem(self, schema: dict[str, Any]) -> str:
        problem: str = self._run("schema_problem", schema)
        return problem

    def find_mistakes(self, schema: dict[str, Any], value: Any, *, formats: bool) -> list[Mistake]:
        found = self._run("find_mistakes", schema, value, formats=formats)
        return [Mistake(*mistake) for mistake in found]

    def sanitise_html(self, html: str) -> str:
        safe: str = self._run("sanitise_html", html)
        return safe

    def close(self) -> None:
        """End the process; the next check starts another one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(OSError):
                process.__exit__(None, None, None)

    def _run(self, function: str, *arguments: Any, **options: Any) -> Any:
        request = json.dumps([function, arguments, options]).encode()
        with self._in_use:
            reply = self._exchange(request)
        if not reply:
            raise ToolFailure(
                f"What {self._server} sent can't be checked in {CHECK_SECONDS:g} seconds and"
                f" {CHECK_BYTES // 1024**2} MB, so it is not used."
            )
        return json.loads(reply)

    def _exchange(self, request: bytes) -> bytes:
        """The reply to a request, or b"" if the process reached a limit."""
        process = self._process = self._process or _start()
        assert process.stdin is not None  # noqa: S101 - see _start
        assert process.stdout is not None  # noqa: S101
        reply = b""
        try:
            process.stdin.write(request + b"\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except OSError:
            pass
        finally:
            # Also when this greenlet is killed: the reply that is still to come answers nobody.
            if not reply.endswith(b"\n"):
                self.close()
        return reply


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C is for the worker, which then ends this
    )

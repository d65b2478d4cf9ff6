"""An S3-compatible server on loopback, in a process of its own, which checks signatures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
from gevent import sleep

from scripts.ports import free_port

KEY_ID, SECRET = "files-key", "a-secret-of-the-tests-alone"
PATIENCE_SECONDS = 20.0


class S3Server:
    """The server, with one bucket called `files`. Each object is a file in `objects`, by its name.

    `settings` are those of a product that keeps files in a folder of the bucket.
    """

    def __init__(self, folder: Path) -> None:
        self.bucket = folder / "files"
        self.objects = self.bucket / "questions"
        self.bucket.mkdir(parents=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = {
            "files_url": "s3://files/questions",
            "aws_endpoint_url": self.url,
            "aws_access_key_id": KEY_ID,
            "aws_secret_access_key": SECRET,
        }
        keys = {"NANIO_ACCESS_KEY": KEY_ID, "NANIO_SECRET_KEY": SECRET}
        options = ("--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder))
        self._process = subprocess.Popen(
            (sys.executable, "-m", "nanio", "serve", *options, "--log-level", "error"),
            env=os.environ | keys,
        )

    def __enter__(self) -> Self:
        for _ in range(int(PATIENCE_SECONDS / 0.05)):
            try:
                requests.get(self.url)
            except requests.ConnectionError:
                assert self._process.poll() is None, "the S3 server has ended"
                sleep(0.05)
            else:
                return self
        raise AssertionError("the S3 server doesn't answer")

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def names(self) -> set[str]:
        """The names of the objects there are."""
        return {file.name for file in self.objects.iterdir()} if self.objects.exists() else set()

"""A wire between browser and server that can be cut, and that can answer in the server's place."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 11\r\n"
    b"Connection: close\r\n\r\nBad gateway"
)


class Relay:
    """Passes bytes on to `port`. While `broken` is set, new connections get that for an answer, and
    `refused` holds what they asked for."""

    def __init__(self, port: int) -> None:
        self.broken: bytes | None = None
        self.silent = False  # connections stay, and nothing comes through
        self.lumps = 0.0  # what comes back is held for so many seconds at a time
        self.refused: list[str] = []
        self._target = port
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Relay:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def cut(self) -> None:
        """Drop every connection there is, in the middle of whatever it carries."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _run(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                self._run(self._serve, here)

    def _serve(self, here: socket.socket) -> None:
        with here, suppress(OSError):
            if self.broken is not None:
                self.refused.append(here.recv(65536).partition(b"\r\n")[0].decode("latin-1"))
                here.sendall(self.broken)
                return
            with socket.create_connection(("127.0.0.1", self._target)) as there:
                self._open |= {here, there}
                back = threading.Thread(target=self._pass_on, args=(there, here, True))
                back.start()
                self._pass_on(here, there, False)
                back.join()
                self._open -= {here, there}

    def _pass_on(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        """Until one of both ends; then both do."""
        with suppress(OSError):
            while piece := source.recv(65536):
                if back and self.lumps:
                    time.sleep(self.lumps)
                    with suppress(BlockingIOError):
                        piece += source.recv(65536, socket.MSG_DONTWAIT)
                while self.silent:
                    time.sleep(0.05)
                sink.sendall(piece)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

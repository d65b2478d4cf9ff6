"""Free ports of this machine, for servers that may listen on any."""

from __future__ import annotations

import atexit
import random
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle

from scripts import StartError

LOOPBACK = "127.0.0.1"
# Below the ports that Linux and macOS give to outgoing connections. Each process has a block of
# this size to itself.
_BLOCKS = range(20_000, 32_000, 300)


def free_port() -> int:
    """Return a port that nothing listens on; other processes that call this get other ports."""
    return next(filter(_is_free, _own_ports()))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


@cache
def _own_ports() -> Iterator[int]:
    """Claim a block of ports for this process, by listening on its first port."""
    for first in random.SystemRandom().sample(_BLOCKS, len(_BLOCKS)):
        guard = socket.socket()
        try:
            guard.bind((LOOPBACK, first))
            guard.listen()
        except OSError:
            guard.close()
            continue
        atexit.register(guard.close)
        return cycle(range(first + 1, first + _BLOCKS.step))
    raise StartError("Too many clusters and test runs use this machine's ports. End one first.")

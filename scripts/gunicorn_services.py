"""gunicorn's settings for the tool services and the demo model, which don't import the app."""

from functools import cache
from importlib import metadata

from gevent import monkey

# As in gunicorn.conf.py.
metadata.entry_points = cache(metadata.entry_points)  # type: ignore[assignment]
monkey.patch_all()

import gc  # noqa: E402
from typing import Any  # noqa: E402

worker_class = "gevent"
# All services would share one socket in the home folder, which under systemd is read-only.
control_socket_disable = True

gc.disable()  # as in gunicorn.conf.py


def post_worker_init(_worker: Any) -> None:
    gc.freeze()
    gc.enable()

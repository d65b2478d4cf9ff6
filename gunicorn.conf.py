"""How gunicorn serves every process; the tool services' command lines say what differs for them.

It imports nothing of the app, so that a tool service never depends on it.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
from typing import Any  # noqa: E402

from dotenv import dotenv_values  # noqa: E402

_settings = {**dotenv_values(".env"), **os.environ}

bind = f"{_settings.get('WEB_HOST') or '127.0.0.1'}:{_settings.get('WEB_PORT') or 8000}"
worker_class = "gevent"
# The event log, the leases and the limits are in this process's memory, so there is one.
workers = 1
worker_connections = 2000
graceful_timeout = 10
keepalive = 75
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    engine = getattr(worker.wsgi, "extensions", {}).get("engine")
    if engine is not None:
        engine.begin()


def worker_exit(_server: Any, worker: Any) -> None:
    engine = getattr(getattr(worker, "wsgi", None), "extensions", {}).get("engine")
    if engine is not None:
        engine.end()

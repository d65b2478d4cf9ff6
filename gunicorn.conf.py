"""How gunicorn serves every process; the tool services' command lines say what differs for them.

It imports nothing of the app, so that a tool service never depends on it.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import resource  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from dotenv import dotenv_values  # noqa: E402

# Who began which greenlet, and from where, is for debugging: it is kept as long as each of them.
gevent.config.track_greenlet_tree = False

_settings = {**dotenv_values(".env"), **os.environ}

bind = f"{_settings.get('WEB_HOST') or '127.0.0.1'}:{_settings.get('WEB_PORT') or 8000}"
_ENOUGH_FILES = 10_000
# An answer takes two files, its reader's connection and the model's, and many systems allow 1024.
_files, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
if _files < _ENOUGH_FILES:
    _allowed = _ENOUGH_FILES if _most_files < 0 else min(_most_files, _ENOUGH_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_allowed, _most_files))

worker_class = "gevent"
# More than one needs REDIS_URL: without it the event log is in this process's memory.
workers = int(_settings.get("WEB_WORKERS") or 1)
worker_connections = 2000
# What is being written may finish; what doesn't in this time another worker goes on with.
graceful_timeout = 30
keepalive = 75
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    engine = getattr(worker.wsgi, "extensions", {}).get("services")
    if engine is not None:
        engine.begin()
        gevent.spawn(_leave_in_time, worker, engine)


def _leave_in_time(worker: Any, engine: Any) -> None:
    """gunicorn tells a worker to end by this attribute alone."""
    while worker.alive:
        gevent.sleep(0.1)
    engine.leave(worker.cfg.graceful_timeout)


def worker_exit(_server: Any, worker: Any) -> None:
    engine = getattr(getattr(worker, "wsgi", None), "extensions", {}).get("services")
    if engine is not None:
        engine.end()

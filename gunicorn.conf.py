"""gunicorn's settings for the web app. It imports nothing of the app, which each worker loads."""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from dotenv import dotenv_values  # noqa: E402

# Where each greenlet was spawned is only for debugging, and would be kept as long as it lives.
gevent.config.track_greenlet_tree = False

# A worker loads its app without the garbage collector, which then leaves what was loaded alone: all
# of it stays to the end. A start and end of `make run` take 6.1 s of CPU instead of 7.7.
gc.disable()

_settings = {**dotenv_values(".env"), **os.environ}

bind = f"{_settings.get('WEB_HOST') or '127.0.0.1'}:{_settings.get('WEB_PORT') or 8000}"
_ENOUGH_FILES = 10_000
# An answer takes two files, the connections to its reader and to the model, and many systems allow
# 1024 for a process.
_files, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
if _files < _ENOUGH_FILES:
    _allowed = _ENOUGH_FILES if _most_files < 0 else min(_most_files, _ENOUGH_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_allowed, _most_files))

worker_class = "gevent"
# More than one needs REDIS_URL: without it, the event log is in this process's memory.
_workers = _settings.get("WEB_WORKERS") or "1"
if not _workers.isdecimal() or int(_workers) < 1:
    sys.exit(f"WEB_WORKERS is {_workers!r}, but must be a whole number from 1")
workers = int(_workers)
worker_connections = 2000
# Seconds for answers to finish in; another worker goes on with those that don't.
graceful_timeout = 30
keepalive = 75
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    gc.freeze()
    gc.enable()
    services = _services(worker)
    if services is not None:
        services.start()
        gevent.spawn(_drain_when_told, worker, services)


def _drain_when_told(worker: Any, services: Any) -> None:
    """gunicorn tells a worker to stop by this attribute alone."""
    while worker.alive:
        gevent.sleep(0.1)
    services.drain(worker.cfg.graceful_timeout)


def worker_exit(_server: Any, worker: Any) -> None:
    services = _services(worker)
    if services is not None:
        services.stop()


def _services(worker: Any) -> Any:
    """The web app's services; None for a worker that failed to load its app."""
    return getattr(getattr(worker, "wsgi", None), "extensions", {}).get("services")

"""How gunicorn serves the web app. The tool services' command lines say what differs for them."""

from gevent import monkey

monkey.patch_all()

from typing import Any  # noqa: E402

from app.config import Address  # noqa: E402

_address = Address()

bind = f"{_address.web_host}:{_address.web_port}"
worker_class = "gevent"
# The event log, the leases and the limits are in this process's memory, so there is one.
workers = 1
worker_connections = 2000
graceful_timeout = 10
keepalive = 75


def post_worker_init(worker: Any) -> None:
    engine = getattr(worker.wsgi, "extensions", {}).get("engine")
    if engine is not None:
        engine.begin()

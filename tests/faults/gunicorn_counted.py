"""gunicorn.conf.py, and each worker tells once a second how many greenlets it has."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
exec(compile((_ROOT / "gunicorn.conf.py").read_text(), "gunicorn.conf.py", "exec"))  # noqa: S102

import gc  # noqa: E402
import os  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

_begin = post_worker_init  # type: ignore[name-defined]  # noqa: F821


def post_worker_init(worker: Any) -> None:
    _begin(worker)
    gevent.spawn(_count, Path(os.environ["COUNTS_DIR"]) / str(os.getpid()))


def _count(file: Path) -> None:
    while True:
        gc.collect()
        alive = [x for x in gc.get_objects() if isinstance(x, gevent.Greenlet) and not x.dead]
        new = file.with_suffix(".new")
        new.write_text(str(len(alive)))
        new.rename(file)
        gevent.sleep(1)

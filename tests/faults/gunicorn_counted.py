"""gunicorn.conf.py, and each worker tells how many greenlets it has when it is asked: by a file
that is named after its process and `.asked`; the answer is in the one without."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
exec(compile((_ROOT / "gunicorn.conf.py").read_text(), "gunicorn.conf.py", "exec"))  # noqa: S102

import gc  # noqa: E402
import os  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

_begin: Callable[[Any], None] = globals()["post_worker_init"]


def post_worker_init(worker: Any) -> None:
    _begin(worker)
    gevent.spawn(_answer, Path(os.environ["COUNTS_DIR"]) / str(os.getpid()))


def _answer(count: Path) -> None:
    asked = count.with_suffix(".asked")
    while True:
        if asked.exists():
            asked.unlink()
            # Looking at every object there is takes too long to do it unasked.
            gc.collect()
            alive = [x for x in gc.get_objects() if isinstance(x, gevent.Greenlet) and not x.dead]
            new = count.with_suffix(".new")
            new.write_text(str(len(alive)))
            new.rename(count)
        gevent.sleep(0.1)

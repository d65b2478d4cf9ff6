"""Mixed use, in short: `python -m tests.faults.soak` has half an hour of it."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Bench
from tests.faults.soak import Soak

# Readers whose connections are cut leave sockets to the garbage collector; that is the harness's.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

SECONDS = 60


def test_a_minute_of_mixed_use_leaves_nothing_behind(bench: Bench) -> None:
    before = bench.cluster.settled()
    bench.model.harmless = False
    soak = Soak(bench.cluster, SECONDS, SECONDS / 2, bench.random)
    soak.run()
    assert soak.wrong == []
    assert len(soak.done) == 5, "not everything was done"
    assert soak.leaks(before) == []

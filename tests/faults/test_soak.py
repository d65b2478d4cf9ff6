"""Mixed use in short. `make soak` has half an hour of it."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Bench
from tests.faults.rounds import CONTROL, Round
from tests.faults.soak import Soak

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

SECONDS = 30


def test_half_a_minute_of_mixed_use_leaves_nothing_behind(bench: Bench) -> None:
    Round(bench.cluster, bench.model, bench.people, bench.random, "soak", 12).run(CONTROL)
    before = bench.cluster.settled()
    bench.model.harmless = False
    soak = Soak(bench.cluster, SECONDS, SECONDS / 2, bench.random)
    soak.run()
    assert soak.wrong == []
    assert len(soak.done) == 5, "not everything was done"
    assert soak.leaks(before) == []

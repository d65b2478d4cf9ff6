"""The fault suite in short: each fault once. `make test-faults` has more streams, rounds
and workers."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Bench
from tests.faults.rounds import CONTROL, FAULTS, Fault, Round

# Readers whose connections are cut leave sockets to the garbage collector; that is the harness's.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

STREAMS = 8


@pytest.mark.parametrize("fault", [CONTROL, *FAULTS], ids=lambda fault: fault.name)
def test_nothing_is_lost_by(bench: Bench, fault: Fault, request: pytest.FixtureRequest) -> None:
    label = f"t{request.node.callspec.indices['fault']}"
    result = Round(bench.cluster, bench.model, bench.people, bench.random, label, STREAMS).run(
        fault
    )
    assert result.wrong == []
    assert result.losses() == 0, result
    if fault is CONTROL:
        bench.before = bench.cluster.settled()


def test_nothing_has_leaked(bench: Bench) -> None:
    assert bench.cluster.leaks(bench.before) == []

"""The fault suite in short: each fault once. `make test-faults` has more streams and rounds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.faults.cluster import Cluster, Usage
from tests.faults.rounds import CONTROL, FAULTS, Fault, Model, Round
from tests.faults.soak import Soak

# Readers whose connections are cut leave sockets to the garbage collector; that is the harness's.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

SEED = 20
STREAMS = 12
SOAK_SECONDS = 60


@dataclass
class Bench:
    cluster: Cluster
    model: Model
    random: random.Random
    before: Usage = field(default_factory=dict)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    model = Model(SEED)
    folder = tmp_path_factory.mktemp("faults")
    with model.scripted, Cluster(folder, model.scripted.base_url) as cluster:
        yield Bench(cluster, model, random.Random(SEED))  # noqa: S311


@pytest.mark.parametrize("fault", [CONTROL, *FAULTS], ids=lambda fault: fault.name)
def test_nothing_is_lost_by(bench: Bench, fault: Fault, request: pytest.FixtureRequest) -> None:
    label = f"t{request.node.callspec.indices['fault']}"
    result = Round(bench.cluster, bench.model, bench.random, label, STREAMS).run(fault)
    assert result.wrong == []
    assert result.losses() == 0, result
    if fault is CONTROL:
        bench.before = bench.cluster.settled()


def test_nothing_has_leaked(bench: Bench) -> None:
    assert bench.cluster.leaks(bench.before) == []


def test_a_minute_of_mixed_use_leaves_nothing_behind(bench: Bench) -> None:
    """`python -m tests.faults.soak` has half an hour."""
    bench.model.harmless = False
    soak = Soak(bench.cluster, SOAK_SECONDS, SOAK_SECONDS / 2, bench.random)
    soak.run()
    assert soak.wrong == []
    assert len(soak.done) == 5, "not everything was done"
    assert soak.leaks(bench.before) == []

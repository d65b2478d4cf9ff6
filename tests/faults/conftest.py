"""The whole product as processes, and a model that their tests share with it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.faults.cluster import Cluster, Usage
from tests.faults.rounds import Model

SEED = 20


@dataclass
class Bench:
    cluster: Cluster
    model: Model
    random: random.Random
    before: Usage = field(default_factory=dict)


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    model = Model(SEED)
    folder = tmp_path_factory.mktemp("faults")
    with model.scripted, Cluster(folder, model.scripted.base_url) as cluster:
        yield Bench(cluster, model, random.Random(SEED))  # noqa: S311

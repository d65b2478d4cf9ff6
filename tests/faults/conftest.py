"""The whole product as processes, and a model that their tests share with it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.faults.cluster import Cluster, Usage
from tests.faults.readers import Account
from tests.faults.rounds import Model, sign_up_people

SEED = 20


@dataclass
class Bench:
    cluster: Cluster
    model: Model
    people: list[Account]
    random: random.Random
    before: Usage = field(default_factory=dict)


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    model = Model(SEED)
    folder = tmp_path_factory.mktemp("faults")
    # Another worker costs 1.5 s of CPU at each start of its node, and three lose no less than four.
    with model.scripted, Cluster(folder, model.scripted.base_url, workers=(2, 1)) as cluster:
        chance = random.Random(SEED)  # noqa: S311
        yield Bench(cluster, model, sign_up_people(cluster), chance)

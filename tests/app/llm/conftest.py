"""A model at the scripted endpoint, reached in each of the two ways."""

from __future__ import annotations

from typing import Any

import pytest

from app.llm.endpoint import Endpoint
from app.llm.model_client import ModelClient
from tests.app.llm.asking import Ask, Build, ask_all
from tests.support.scripted_model import ScriptedModel

KEY = "sk-secret-of-the-tests"


@pytest.fixture(params=["directly", "through a proxy"])
def endpoint(
    request: pytest.FixtureRequest, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> Endpoint:
    """The scripted endpoint. A proxy for plain HTTP gets the same request, so it plays that too."""
    if request.param == "directly":
        return Endpoint(model.base_url, KEY)
    monkeypatch.setenv("http_proxy", model.base_url.removesuffix("/v1"))
    return Endpoint("http://model.example/v1", KEY)


@pytest.fixture
def build(endpoint: Endpoint) -> Build:
    """Build a ModelClient of these names and options."""

    def build_model(*names: str, **options: Any) -> ModelClient:
        return ModelClient(endpoint, names or ("first",), **{"backoff": 0.001, **options})

    return build_model


@pytest.fixture
def ask(build: Build) -> Ask:
    """Ask a ModelClient of these names and options; its chunks of text and its turn."""
    return lambda *names, **options: ask_all(build(*names, **options))

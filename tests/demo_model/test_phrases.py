"""The phrases of our services name nothing that their tools don't have."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from demo_model.phrasebook import LANGUAGES
from tests.demo_model.talking import tools_of
from tool_services import all_services
from tool_services.framework.service import Service

WITH_PHRASES = [
    service
    for service in all_services.services()
    if (all_services.folders()[service.name] / "phrases.toml").exists()
]


def books(service: Service) -> list[dict[str, Any]]:
    """The phrases of a service, for any language first."""
    file = all_services.folders()[service.name] / "phrases.toml"
    phrases = tomllib.loads(file.read_text(encoding="utf-8"))
    return [phrases, *(phrases[name] for name in LANGUAGES if name in phrases)]


@pytest.mark.parametrize("service", WITH_PHRASES, ids=lambda service: service.name)
def test_phrases_name_only_tools_arguments_and_values_that_there_are(service: Service) -> None:
    tools = {tool.name: tool.definition["inputSchema"]["properties"] for tool in tools_of(service)}
    for book in books(service):
        for name, phrases in book.get("tool", {}).items():
            assert name in tools
            for argument, said in phrases.get("argument", {}).items():
                assert argument in tools[name], f"{name} takes no {argument}"
                values = said.get("values", {}).keys()
                assert values <= set(tools[name][argument].get("enum", ())), f"{name}.{argument}"
        for thing in book.get("thing", {}).values():
            assert {thing[key] for key in ("find", "detail") if key in thing} <= tools.keys()

"""All servers together: which of their tools are offered, and under which names."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.product import Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import ToolService


def test_tools_of_one_name_are_offered_under_two_from_the_start(
    start: Callable[..., Product], model: ScriptedModel
) -> None:
    model.script(tool_call("tickets__find", {"words": "oven"}), text("Done."))
    with (
        ToolService(find=lambda _: "a note") as notes,
        ToolService(find=lambda _: "T-1") as tickets,
    ):
        notes.ttl_ms = tickets.ttl_ms = 60_000
        product = start(tool_services={"notes": notes.url, "tickets": tickets.url})
        product.sign_up("Alice").ask("Which tickets are about ovens?").all()
    offered = [each["function"]["name"] for each in model.requests[0].body["tools"]]
    assert offered == ["find", "tickets__find"]
    assert (len(notes.calls), [call["words"] for call in tickets.calls]) == (0, ["oven"])

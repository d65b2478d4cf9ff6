"""What the agent needs of tools. It doesn't know which there are, nor how a person is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from app.agent.events import ApprovalRequested, DisplayPart, Progress
from app.agent.messages import Decision, ToolResult, ToolSpec


class Toolbox(Protocol):
    """The tools of one person's run."""

    def specs(self) -> list[ToolSpec]:
        """Return the tools on offer."""

    def reads_only(self, name: str) -> bool:
        """Whether the tool is known to change nothing, so that its result can be given again."""

    def read_arguments(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments to call with: those that the model wrote, repaired where they are
        nearly right. Raises CallRefused with a sentence for the model, or ToolFailure."""

    def request_approval(
        self, call_id: str, name: str, arguments: dict[str, Any]
    ) -> ApprovalRequested | Decision | None:
        """Ask the person about this call, unless they were asked before. Returns their decision
        once there is one, and None if the call needs no approval. Raises ToolFailure for a call
        that can't be made anyway."""

    def wait_for_decision(self, call_id: str) -> Decision:
        """Block until the person has decided. May be killed at any moment."""

    def call(
        self,
        call_id: str,
        name: str,
        arguments: dict[str, Any],
        *,
        again: bool = False,
        report: Callable[[Progress | DisplayPart], object] | None = None,
    ) -> ToolResult:
        """Call the tool. Raises ToolFailure with a sentence for the model.

        `again`: this call was begun before, and nobody knows what became of it. `report` is told
        how far the call is, and each line that its server logs.
        """

"""Which calls a person has to approve: the default for each tool, and the setting APPROVALS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.tools.registry import ToolRegistry
from app.tools.tool import Tool

Rule = Literal["always", "never"]


@dataclass(frozen=True)
class ApprovalRules:
    """The operator's rules by the tools' names, before which the default gives way."""

    rules: Mapping[str, Rule] = field(default_factory=dict)

    def needs_approval(self, tool: Tool) -> bool:
        rule = self.rules.get(tool.name)
        return rule == "always" or (rule is None and not tool.runs_unasked)

    def unknown(self, registry: ToolRegistry) -> list[str]:
        """The names that no tool has, although every server that could have such a tool has listed
        its tools."""
        known = {tool.name for server in registry for tool in server.tools}
        return sorted(
            name
            for name in self.rules.keys() - known
            if all(server.has_listed for server in registry.servers_for(name))
        )

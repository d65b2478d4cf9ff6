"""What this service needs of others."""

from __future__ import annotations

from tool_services.framework.scopes import read_scope

LISTINGS_SCOPE = read_scope("listings")

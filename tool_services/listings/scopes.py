"""What a token lets its holder do at the listings service."""

from __future__ import annotations

SEND_SCOPE = "reports:send"
OUTBOX_SCOPE = "outbox:read"
ERASE_SCOPE = "outbox:erase"

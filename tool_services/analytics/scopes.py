"""What a token lets its holder do at the analytics service, and what this one needs of others."""

from __future__ import annotations

READ_SCOPE = "analytics:read"
LISTINGS_SCOPE = "listings:read"

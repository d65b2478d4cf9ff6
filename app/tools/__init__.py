"""Tools: what servers offer, calls to them, approvals, and what they show."""

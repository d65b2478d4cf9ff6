"""The tools, in the order in which models are told of them."""

from __future__ import annotations

from .change import answer_ticket, close_ticket, open_ticket
from .look import find_tickets, get_ticket

TOOLS = (find_tickets, get_ticket, open_ticket, answer_ticket, close_ticket)

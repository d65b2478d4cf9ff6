"""The Markdown that models may write: what pyromark is told wherever it parses."""

from __future__ import annotations

import pyromark

# No formulas: "$400k-$500k" would be one. See formulas.py.
OPTIONS = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_FOOTNOTES
)

"""The agent: a generator of events that asks a model and makes tool calls; no Flask, no database."""

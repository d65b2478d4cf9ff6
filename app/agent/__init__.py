"""The agent: a generator of events that asks a model and makes tool calls, without Flask or database."""

"""The agent: a generator of events that asks a model and calls tools, without Flask or database."""

"""Runs: the production of an answer, its event log, and its readers."""

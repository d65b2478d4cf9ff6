"""Measurements: each module that says `python -m …` in its first line is a command.

They start the product and its rivals as real processes and read their answers over HTTP.
"""

"""Bounds on what servers send, so that none of it costs much time or memory here.

`limits` has the figures, `responses` reads HTTP within them, `checks` has the work on schemas and
HTML that may take any time, and `sandbox` runs that work in a process that is ended when it takes
too long. Nothing here knows what a tool call means.
"""

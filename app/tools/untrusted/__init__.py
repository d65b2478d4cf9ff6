"""Bounds on what servers send, so that none of it costs much time or memory here, and on where
other parties' servers may be.

`limits` has the figures, `responses` reads HTTP within them, `checks` has the work on schemas and
HTML that may take any time, and `sandbox` runs that work in a process that is ended when it takes
too long. `addresses` has the rules for connecting, and `secret_texts` hides what a server repeats.
Nothing here knows what a tool call means.
"""

"""A small complete tool service: notes. The framework's tests run it instead of a real domain.

It imports relatively, so that a test can copy it and change the copy.
"""

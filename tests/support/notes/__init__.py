"""A small tool service, built from the framework as any is: notes that can be found and sent.

The tests of the app and of the framework use it, so that they depend on no real domain.
"""

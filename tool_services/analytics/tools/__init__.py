"""The tools of the analytics service, a module each."""

"""The tools of the listings service, a module each."""

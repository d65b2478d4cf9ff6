"""The analytics service: how listings perform, and how their markets move; see `service`."""

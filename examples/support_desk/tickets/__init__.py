"""The tickets of a support desk: see `service`."""

"""What others would write: relays without accounts, storage or limits, to compare with."""

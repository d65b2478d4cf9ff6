"""Relays as others would write them, to compare with: no accounts, no storage, no limits."""

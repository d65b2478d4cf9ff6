"""What every tool service is built from. It knows nothing of any domain."""

"""The tool services: small Flask programs that own the homes domain."""

__version__ = "0.1.0"

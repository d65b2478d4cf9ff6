"""What is claimed to be fast, measured. Each module is a program."""

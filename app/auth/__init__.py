"""Who somebody is: accounts, passwords, sessions, and the tokens that tool services check."""

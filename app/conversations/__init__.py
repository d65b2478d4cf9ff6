"""A person's conversations: who may load them, lists, changes, titles and search."""

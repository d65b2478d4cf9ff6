"""Looks the figures of an answer up in what the conversation's tools returned."""

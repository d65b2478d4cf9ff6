"""How numbers are written for people."""

from __future__ import annotations


def count(number: float) -> str:
    """Write a number of things, such as 1,234."""
    return f"{number:,}"


def dollars(amount: float) -> str:
    """Write an amount of money with as many digits as say something."""
    if amount and amount < 0.0001:
        return "under $0.0001"
    digits = 2 if amount >= 1 or not amount else 4
    return f"${amount:,.{digits}f}"


def duration(seconds: float) -> str:
    """Write a time that something took, such as 0.25 s, 2.4 s, 41 s or 2 min 5 s."""
    if seconds < 9.95:
        return f"{seconds:.{2 if seconds < 0.995 else 1}f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

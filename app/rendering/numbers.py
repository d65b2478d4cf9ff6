"""How numbers are written for people, in their language."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency, format_decimal
from flask_babel import gettext

from app.rendering.languages import locale


def count(number: float) -> str:
    """Write a number of things, such as 1,234."""
    return format_decimal(number, locale=locale())


def dollars(amount: float) -> str:
    """Write an amount of money with as many digits as say something."""
    if amount and amount < 0.0001:
        return str(gettext("under %(amount)s", amount=_dollars(0.0001, 4)))
    return _dollars(amount, 2 if amount >= 1 or not amount else 4)


def _dollars(amount: float, digits: int) -> str:
    pattern = locale().currency_formats["standard"].pattern.replace("0.00", "0." + "0" * digits)
    return format_currency(Decimal(amount), "USD", pattern, locale(), currency_digits=False)


def duration(seconds: float) -> str:
    """Write a time that something took, such as 0.25 s, 2.4 s, 41 s or 2 min 5 s."""
    if seconds < 9.95:
        pattern = "0.00" if seconds < 0.995 else "0.0"
        return f"{format_decimal(Decimal(seconds), pattern, locale())} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

"""ISBN arithmetic: repairing lost leading zeros, checking check digits, from ten digits to thirteen. Pure."""

import re

_TEN = re.compile(r"[0-9]{9}[0-9X]", re.ASCII)
_THIRTEEN = re.compile(r"97[89][0-9]{10}", re.ASCII)
SHORTEST = 7
"""Digits that must be left of an ISBN-10 before its lost leading zeros are put back."""


def from_isbn10(text: str) -> str | None:
    """The ISBN-13 of an ISBN-10 that may have lost leading zeros or has hyphens; None if its check digit is wrong."""
    digits = text.strip().upper().replace("-", "")
    if len(digits) < SHORTEST:
        return None
    digits = digits.zfill(10)
    if not _TEN.fullmatch(digits):
        return None
    values = [10 if digit == "X" else int(digit) for digit in digits]
    if sum((10 - place) * value for place, value in enumerate(values)) % 11:
        return None
    return thirteen(f"978{digits[:9]}")


def from_isbn13(text: str) -> str | None:
    """An ISBN-13 that has all its digits and the right check digit; None otherwise, as for `9.78043902348e+12`."""
    digits = text.strip().replace("-", "")
    if not _THIRTEEN.fullmatch(digits) or thirteen(digits[:12]) != digits:
        return None
    return digits


def thirteen(twelve: str) -> str:
    """Twelve digits with their check digit behind them."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve))
    return f"{twelve}{-total % 10}"

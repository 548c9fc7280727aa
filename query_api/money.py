"""Money at the edge: decimal numbers in major units, where events and tables hold minor ones."""

from decimal import Decimal


def major(minor: int | None) -> float | None:
    """24999 as 249.99; None stays None. Exact to the cent below 90 million million."""
    return None if minor is None else minor / 100


def minor(amount: Decimal | None) -> int | None:
    """249.99 as 24999; None stays None. `amount` has at most two places."""
    return None if amount is None else int(amount.scaleb(2))

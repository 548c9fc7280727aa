"""How large the logs of the scale benchmark are and how often it measures: in full, or in the short form."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Sizes of the two logs, and how much is measured on them."""

    few: int
    """Orders in the small log."""
    many: int
    """Orders in the large one."""
    rounds: int
    """So often the cost of a command is measured on each log, in turn."""
    seconds: float
    """How long orders are placed in each round."""
    cancels: int
    """How many of the orders that were there are cancelled in each round."""
    times: int
    """How often each kind of take-over is tried."""


FULL = Extent(few=10_000, many=1_000_000, rounds=5, seconds=2.0, cancels=1_000, times=3)
SHORT = Extent(few=2_000, many=20_000, rounds=5, seconds=1.0, cancels=100, times=1)

"""How much the benchmark of projections measures: in full, or in the short form that tests run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Sizes of logs, rates and durations in seconds."""

    orders: int
    """Orders in the log that is rebuilt from, each with two events."""
    rounds: int
    """Rebuilds that are compared run so often, in turn."""


FULL = Extent(orders=500_000, rounds=3)
SHORT = Extent(orders=5_000, rounds=1)

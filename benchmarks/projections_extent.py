"""How much the benchmark of projections measures: in full, or in the short form that tests run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Sizes of logs, rates and durations in seconds."""

    orders: int
    """Orders in the log that is rebuilt from, each with two events."""
    rounds: int
    """Rebuilds that are compared run so often, in turn."""

    receipts_a_second: int
    orders_a_second: int
    fresh_seconds: float
    """How long each of the two is measured, after the warm-up."""
    fresh_warm_up_seconds: float


FULL = Extent(
    orders=500_000,
    rounds=3,
    receipts_a_second=1_000,
    orders_a_second=100,
    fresh_seconds=20.0,
    fresh_warm_up_seconds=5.0,
)
SHORT = Extent(
    orders=5_000,
    rounds=1,
    receipts_a_second=200,
    orders_a_second=20,
    fresh_seconds=2.0,
    fresh_warm_up_seconds=1.0,
)

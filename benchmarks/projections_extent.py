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
    fresh_rounds: int
    """So often each of the two is measured; the median round counts."""
    fresh_seconds: float
    """How long a round is measured, after the warm-up."""
    fresh_warm_up_seconds: float
    """Not short, as the broker compiles itself under its first load."""
    throttled_orders: int
    """Orders in the log of the throttled rebuild, each with two events."""
    throttled_rate: int
    """Events a second of that rebuild."""
    throttled_receipts: int
    """Receipts a second meanwhile."""
    throttled_seconds: float
    """The load comes in runs of so long."""
    followed_orders: int
    """Orders that the engine and the reference follow from the first on, each with two events."""


FULL = Extent(
    orders=500_000,
    rounds=3,
    receipts_a_second=1_000,
    orders_a_second=100,
    fresh_rounds=5,
    fresh_seconds=20.0,
    fresh_warm_up_seconds=20.0,
    throttled_orders=100_000,
    throttled_rate=5_000,
    throttled_receipts=300,
    throttled_seconds=10.0,
    followed_orders=20_000,
)
SHORT = Extent(
    orders=5_000,
    rounds=1,
    receipts_a_second=200,
    orders_a_second=20,
    fresh_rounds=1,
    fresh_seconds=2.0,
    fresh_warm_up_seconds=1.0,
    throttled_orders=5_000,
    throttled_rate=5_000,
    throttled_receipts=50,
    throttled_seconds=2.0,
    followed_orders=2_000,
)

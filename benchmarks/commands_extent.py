"""How much the command benchmark measures: in full, or in the short form that tests run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Durations are seconds of measuring; each run has a warm-up before it."""

    products: int
    """Orders go to so many products in turn; each has stock for all of them."""
    rounds: int
    """Everything that is compared runs so often, in turn; figures are medians of the rounds."""
    seconds: float
    threads: tuple[int, ...]
    """Thread counts of the reference."""
    reference_seconds: float
    followed_seconds: float
    """How long somebody reads on while the reference writes, to see whether he misses events."""
    shares: tuple[float, ...]
    """Rates of the open loop as shares of the most that the closed loop reached."""
    open_seconds: float
    open_clients: int
    settled_clients: tuple[int, ...]
    """Numbers of clients that wait for their orders to be settled; the best goes into the long run."""
    search_seconds: float
    settled_seconds: float
    warm_up_seconds: float


FULL = Extent(
    products=100,
    rounds=3,
    seconds=3.0,
    threads=(1, 4, 16),
    reference_seconds=0.8,
    followed_seconds=2.0,
    shares=(0.25, 0.5, 0.75, 0.9),
    open_seconds=8.0,
    open_clients=256,
    settled_clients=(64, 256, 512),
    search_seconds=4.0,
    settled_seconds=15.0,
    warm_up_seconds=0.5,
)

SHORT = Extent(
    products=4,
    rounds=1,
    seconds=0.3,
    threads=(4,),
    reference_seconds=0.2,
    followed_seconds=0.2,
    shares=(0.1, 0.5),
    open_seconds=0.3,
    open_clients=32,
    settled_clients=(16,),
    search_seconds=0.0,
    settled_seconds=0.6,
    warm_up_seconds=0.1,
)

"""How much the benchmark of queries measures: in full, or in the short form that tests run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Durations are seconds of measuring; each run has a warm-up before it."""

    sold: int
    """Products that are ordered."""
    orders: int
    """Orders of `LINES` lines each, all confirmed; they are asked for in turn."""
    products: int
    """Products in the catalog."""
    rounds: int
    """The query API and its peer are loaded so often, in turn; ratios are medians of the rounds'."""
    clients: int
    seconds: float
    search_seconds: float
    """Of each kind of search, with one client."""
    searches: int
    """Different searches of each kind."""
    warm_up_seconds: float


FULL = Extent(
    sold=50,
    orders=300,
    products=100_000,
    rounds=5,
    clients=16,
    seconds=2.0,
    search_seconds=8.0,
    searches=200,
    warm_up_seconds=0.5,
)

SHORT = Extent(
    sold=6,
    orders=6,
    products=300,
    rounds=1,
    clients=4,
    seconds=0.4,
    search_seconds=0.4,
    searches=10,
    warm_up_seconds=0.1,
)

"""The results of the query benchmark as sections of figures, each with its target."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.commands_sections import at_least, by_round, client_share, failures, middle, per_second
from benchmarks.figures import Figure, Section
from benchmarks.load.measured import Measured
from benchmarks.queries_searches import Searches

OF_THE_PEER = 0.7
QUERIES = "queries"


@dataclass(frozen=True)
class Loaded:
    """What one of the two did in each round."""

    runs: list[Measured]
    us: list[float]
    """Processor time of a request in microseconds."""


@dataclass(frozen=True)
class Pair:
    """What the query API and its peer did with the same paths, in turn."""

    ours: Loaded
    peer: Loaded
    same: bool
    """Whether they answer with the same rows."""

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        rounds = zip(self.ours.runs, self.peer.runs, strict=True)
        return median(ours.per_second / peer.per_second for ours, peer in rounds)


def compared(title: str, pair: Pair, clients: int) -> Section:
    """Both, and their ratio."""
    figures = []
    for name, loaded in (("query API", pair.ours), ("peer", pair.peer)):
        figures += [
            Figure(f"{name}: requests a second", per_second(loaded.runs), "/s"),
            by_round(f"{name}: requests a second by round", (run.per_second for run in loaded.runs), "/s", 0),
            Figure(f"{name}: p50", middle(loaded.runs, "p50"), "ms"),
            Figure(f"{name}: p99", middle(loaded.runs, "p99"), "ms"),
            Figure(f"{name}: processor time of a request", round(median(loaded.us)), "µs"),
            Figure(f"{name}: load generator", client_share(loaded.runs), "% of a core"),
        ]
    return Section(
        f"{title}, {clients} clients; the peer is FastAPI with the client library of the store alone",
        [
            *figures,
            *at_least("ratio to the peer", pair.ratio, "×", OF_THE_PEER),
            Figure("both answer with the same rows", pair.same),
            *failures([*pair.ours.runs, *pair.peer.runs], QUERIES),
        ],
    )


def searched(searches: Searches, products: int, run: Measured, us: Mapping[str, float], wrong: list[str]) -> Section:
    """How long searches of a kind take, and how much processor time by process; `wrong` are words whose totals are not
    what they must be."""
    figures = [
        Figure(f"answer, {name}", ms, "ms", searches.p99_ms if name == "p99" else None) for name, ms in run.ms.items()
    ]
    figures += [Figure("different searches", len(searches.paths)), Figure("answers", run.ok)]
    figures += [
        Figure(f"processor time of an answer, {name}", round(each / 1000, 2), "ms") for name, each in us.items()
    ]
    if searches.words:
        figures.append(Figure("totals and counts by kind are those of the generator, or marked", not wrong))
    return Section(
        f"{searches.title}; search in {products:,} products, one client", [*figures, *failures([run], QUERIES)]
    )

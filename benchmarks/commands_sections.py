"""The results of the command benchmark as sections of figures, each with its target where it has one."""

from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.commands_alone import MANY, ONE, Alone, Setup
from benchmarks.commands_open import Opened
from benchmarks.commands_settled import Settled
from benchmarks.figures import Figure, Section
from benchmarks.load.measured import Measured

ONE_CLIENT_MS = 1.0
OF_THE_FLOOR = 0.75
HALF, HALF_MS = 0.5, 15.0


def at_least(name: str, value: float, unit: str, least: float) -> list[Figure]:
    """A figure that should be `least` or more, and a line that says whether it is."""
    verdict = "met" if value >= least else "missed"
    return [Figure(name, round(value, 2), unit), Figure(f"target of that: ≥ {least:g} {unit}".rstrip(), verdict)]


def by_round(name: str, values: Iterable[float], unit: str, digits: int) -> Figure:
    """What each round gave, in their order."""
    return Figure(name, " / ".join(f"{value:,.{digits}f}" for value in values), unit)


def middle(runs: Sequence[Measured], percentile: str) -> float:
    """The median over the rounds of a percentile, in milliseconds."""
    return round(median(run.ms[percentile] for run in runs), 3)


def per_second(runs: Sequence[Measured]) -> float:
    """The median over the rounds of orders a second."""
    return round(median(run.per_second for run in runs), 1)


def client_share(runs: Sequence[Measured]) -> int:
    """The median over the rounds of the load generator's own processor time, in per cent of a core."""
    return round(median(run.processor_share for run in runs) * 100)


def failures(runs: Iterable[Measured], what: str = "orders") -> list[Figure]:
    """How many of ``what`` failed, wanted 0; where some did, how."""
    kinds: dict[str, int] = {}
    for run in runs:
        for kind, count in run.failures.items():
            kinds[kind] = kinds.get(kind, 0) + count
    told = ", ".join(f"{count:,} × {kind}" for kind, count in sorted(kinds.items()))
    return [
        Figure(f"{what} that failed", sum(kinds.values()), "", 0),
        *([Figure("how they failed", told)] if told else []),
    ]


def one_client(alone: Alone) -> Section:
    """What one client waits."""
    figures = []
    for setup in Setup:
        runs = alone.loads[setup, ONE]
        target = ONE_CLIENT_MS if setup is Setup.UNFLUSHED else None
        figures += [
            Figure(f"{setup}: p50", middle(runs, "p50"), "ms", target),
            Figure(f"{setup}: p99", middle(runs, "p99"), "ms"),
            by_round(f"{setup}: p50 by round", (run.ms["p50"] for run in runs), "ms", 2),
        ]
    rounds = len(alone.shares)
    return Section(
        f"one client, place order; policies, projectors and query API stopped; medians of {rounds} rounds",
        [*figures, *failures(run for setup in Setup for run in alone.loads[setup, ONE])],
    )


def many_clients(alone: Alone) -> Section:
    """How many orders a second, and which part of the floor that is. Ratios are of runs of the same round."""
    figures = []
    for setup in Setup:
        runs = alone.loads[setup, MANY]
        figures += [
            Figure(f"{setup}: orders a second", per_second(runs), "/s"),
            by_round(f"{setup}: orders a second by round", (run.per_second for run in runs), "/s", 0),
            Figure(f"{setup}: p50", middle(runs, "p50"), "ms"),
            Figure(f"{setup}: p99", middle(runs, "p99"), "ms"),
            Figure(f"{setup}: processor time of an order", round(median(alone.order_us[setup])), "µs"),
            Figure(f"{setup}: load generator", client_share(runs), "% of a core"),
        ]
    figures += at_least("ratio to the floor, not flushed", to_the_floor(alone, Setup.UNFLUSHED), "×", OF_THE_FLOOR)
    figures += [Figure("ratio to the floor, flushed", round(to_the_floor(alone, Setup.FLUSHED), 2), "×")]
    figures += [
        Figure(f"{name}, not flushed", round(median(each[name] for each in alone.shares) * 100), "% of a core")
        for name in alone.shares[0]
        if any(each[name] for each in alone.shares)
    ]
    return Section(
        f"{MANY} clients, the same",
        [*figures, *failures(run for setup in Setup for run in alone.loads[setup, MANY])],
    )


def to_the_floor(alone: Alone, setup: Setup) -> float:
    """The median of the rounds' ratios."""
    pairs = zip(alone.loads[setup, MANY], alone.loads[Setup.FLOOR, MANY], strict=True)
    return median(real.per_second / floor.per_second for real, floor in pairs)


def open_loop(opened: Opened, highest: float) -> Section:
    """What clients wait at given rates."""
    figures = [Figure("100 %: what the closed loop reached", round(highest), "/s")]
    for share, run in opened:
        at = f"{share:.0%}"
        figures += [
            Figure(f"{at}: offered", round(highest * share), "/s"),
            Figure(f"{at}: answered", round(run.per_second), "/s"),
            *(
                Figure(f"{at}: {name}", ms, "ms", HALF_MS if (share, name) == (HALF, "p99") else None)
                for name, ms in run.ms.items()
            ),
            Figure(f"{at}: of that, sent late, p99", run.late_ms["p99"], "ms"),
            Figure(f"{at}: load generator", client_share([run]), "% of a core"),
        ]
    return Section(
        "open loop, Poisson arrivals, latency from the moment an order was due; command API alone, not flushed",
        [*figures, *failures(run for _, run in opened)],
    )


def settled(found: Settled) -> Section:
    """How many orders a second go all the way."""
    run, wrong = found.measured, {name: count for name, count in found.statuses.items() if name != "CONFIRMED"}
    together = sum(found.shares.values())
    return Section(
        f"everything running, {run.clients} clients that wait for CONFIRMED, {run.seconds:g} s",
        [
            Figure("orders a second, each settled and projected", round(found.per_second, 1), "/s"),
            Figure("orders settled in that time", run.ok),
            Figure("after it, until no projection lagged", round(found.behind_seconds, 2), "s"),
            *(Figure(f"from order to CONFIRMED, {name}", ms, "ms") for name, ms in run.ms.items()),
            *(Figure(f"tried with {each.clients} clients", round(each.per_second), "/s") for each in found.tried),
            *(
                Figure(f"{name}: {share / together:.0%} of all processor time", round(share * 100), "% of a core")
                for name, share in sorted(found.shares.items(), key=lambda each: -each[1])
            ),
            Figure("the read model shows each of them as CONFIRMED", found.statuses.get("CONFIRMED", 0) == found.sent),
            Figure("and no order in another state", not wrong),
            *failures([*found.tried, run]),
        ],
    )

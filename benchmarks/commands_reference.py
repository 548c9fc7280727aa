"""The command benchmark's comparison with the `eventsourcing` package, as sections of figures."""

from importlib.metadata import version
from statistics import median

from benchmarks.commands_alone import MANY, Alone, Setup
from benchmarks.commands_sections import at_least
from benchmarks.figures import Figure, Section
from benchmarks.reference.runs import FOLLOWED_THREADS
from benchmarks.reference.saved import Saved
from event_schemas.topics import ORDERS

TIMES = 3.0
DURABILITY = ((False, Setup.UNFLUSHED), (True, Setup.FLUSHED))
Way = tuple[bool, int]
"""Whether functions are used, and the number of threads."""


def best(alone: Alone, *, flushed: bool, trusted: bool) -> tuple[Way, float]:
    """The way with the highest median of orders a second. `trusted` leaves out those whose readers may miss events:
    functions take no lock, so with several threads positions are given out of the order in which they become visible.
    """
    medians = {
        (functions, threads): median(saved.per_second for saved in runs)
        for (durable, functions, threads), runs in alone.saves.items()
        if durable is flushed and not (trusted and functions and threads > 1)
    }
    way = max(medians, key=lambda each: medians[each])
    return way, medians[way]


def reference(alone: Alone) -> Section:
    """The best of the package at equal durability, in process, against orders over HTTP by `MANY` clients."""
    figures = []
    for flushed, setup in DURABILITY:
        durable = "flushed" if flushed else "not flushed"
        for trusted in (False, True):
            way, rate = best(alone, flushed=flushed, trusted=trusted)
            kind = "its best whose readers miss nothing" if trusted else "its best of all"
            figures.append(Figure(f"{durable}, {kind} ({told(way)})", round(rate), "/s"))
            rates = [
                ours.per_second / median_of_round(alone, flushed, way, number)
                for number, ours in enumerate(alone.loads[setup, MANY])
            ]
            figures += at_least(f"{durable}, command API in times of it", median(rates), "×", TIMES)
    figures += [
        Figure(
            f"{'flushed' if flushed else 'not flushed'}, {told((functions, threads))}",
            " / ".join(f"{saved.per_second:,.0f}" for saved in runs),
            "/s",
        )
        for (flushed, functions, threads), runs in alone.saves.items()
    ]
    figures += [
        Figure(
            f"{told((functions, FOLLOWED_THREADS))}: of {found.events:,} events, missed by one who read on meanwhile",
            found.missed,
        )
        for functions, found in alone.followed.items()
    ]
    return Section(f"eventsourcing {version('eventsourcing')} on PostgreSQL, in process, one event an order", figures)


def median_of_round(alone: Alone, flushed: bool, way: Way, number: int) -> float:
    """What the reference reached in a round."""
    functions, threads = way
    return alone.saves[flushed, functions, threads][number].per_second


def told(way: Way) -> str:
    """A way in words."""
    functions, threads = way
    how = "database functions" if functions else "pipelined, table lock"
    return f"{threads} {'threads' if threads > 1 else 'thread'}, {how}"


def durability(alone: Alone, sync_ms: float) -> Section:
    """What stood behind an acknowledgement on either side."""
    figures = [Figure("a sync of 1,000 appended bytes on this disk, median", sync_ms, "ms")]
    for flushed, _ in DURABILITY:
        name = "flushed" if flushed else "not flushed"
        one: Saved = next(runs[0] for (durable, *_), runs in alone.saves.items() if durable is flushed)
        kafka = "flush.messages=1" if flushed else "the default: page cache, the system writes it out"
        figures += [
            Figure(f"{name}, Kafka topic {ORDERS.name}", f"acks=all, one replica, {kafka}"),
            Figure(f"{name}, PostgreSQL", ", ".join(f"{key}={value}" for key, value in one.server.items())),
        ]
    for package in ("psycopg", "orjson", "uvloop", "uvicorn", "fastapi", "aiokafka"):
        figures.append(Figure(package, version(package)))
    return Section("durability as the servers tell it, and versions", figures)

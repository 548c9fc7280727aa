"""Finds the events of a batch that cannot be applied, so that they alone are parked: by trying stretches, in two steps.

First without a server: ``apply`` is pure, so trying it on parts changes nothing and costs no transaction. Only what
the server itself refuses has to be looked for there. k such events among n take about 2k·log2(n/k) tries, and where
most of them fail about one each.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from event_schemas.record import Recorded
from projectors.stores.poison import Poison
from projectors.stores.sorting import Sorting

T = TypeVar("T")


class _Stretches:
    """Events in their order, in stretches to try: half of one that failed, twice one that did not, as the search for
    an end in a sorted list of unknown length (Bentley and Yao, 1976). ``taken`` says of the last one how it went.
    """

    def __init__(self, events: Sequence[Recorded]) -> None:
        self._events = events
        self.taken = True

    def __iter__(self) -> Iterator[Sequence[Recorded]]:
        first, size, failing = 0, len(self._events), 0
        while first < len(self._events):
            size = min(size, len(self._events) - first)
            yield self._events[first : first + size]
            if self.taken:
                first += size
                size = max(1, (failing - first) // 2) if first < failing else 2 * size
            elif size == 1:
                first += 1
            else:
                failing = first + size
                size //= 2


def applied(sorting: Sorting, apply: Callable[[Sequence[Recorded]], list[T]]) -> list[T]:
    """What ``apply`` makes of all the events that it takes. The others are parked, and what follows for their keys;
    ``sorting.events`` are then the events that were taken.
    """
    taken: list[Recorded] = []
    runs: list[list[T]] = []
    stretches = _Stretches(sorting.events)
    for stretch in stretches:
        stretches.taken = True
        events = sorting.applicable(stretch)
        if not events:
            continue
        try:
            runs.append(apply(events))
        except Exception as error:
            stretches.taken = _settled(sorting, stretch, events, error)
        else:
            taken.extend(events)
    sorting.events = taken
    if len(runs) > 1:
        with suppress(Exception):  # events that go together with some of the others only stay in the runs found
            runs = [apply(taken)]
    return [one for run in runs for one in run]


async def divide(sorting: Sorting, attempt: Callable[[Sequence[Recorded]], Awaitable[None]]) -> None:
    """Apply events by ``attempt``, which changes nothing when it raises ``Poison``; each one that it cannot take alone
    is parked, and what follows for its key.
    """
    stretches = _Stretches(sorting.events)
    for stretch in stretches:
        stretches.taken = True
        events = sorting.applicable(stretch)
        if not events:
            continue
        try:
            await attempt(events)
        except Poison as poison:
            stretches.taken = _settled(sorting, stretch, events, poison.cause)


def _settled(sorting: Sorting, stretch: Sequence[Recorded], events: Sequence[Recorded], error: Exception) -> bool:
    """Park the event that failed if it was alone; whether the others of its stretch are done with as well."""
    if len(events) > 1:
        return False
    sorting.poison(events[0], error)
    return len(stretch) > 1

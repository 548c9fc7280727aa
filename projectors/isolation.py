"""Finds the events of a batch that cannot be applied, so that they alone are parked: by halving, in two steps.

First without a server: ``apply`` is pure, so trying it on halves changes nothing and costs no transaction. Only what
the server itself refuses has to be looked for there. k such events among n take about 2k·log2(n/k) tries.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from event_schemas.record import Recorded
from projectors.poison import Poison
from projectors.sorting import Sorting

T = TypeVar("T")


def applied(sorting: Sorting, apply: Callable[[Sequence[Recorded]], list[T]]) -> list[T]:
    """What ``apply`` makes of all the events that it takes. The others are parked, and what follows for their keys;
    ``sorting.events`` are then the events that were taken.
    """
    taken: list[Recorded] = []
    runs: list[list[T]] = []

    def take(events: Sequence[Recorded]) -> None:
        events = sorting.applicable(events)
        if not events:
            return
        try:
            runs.append(apply(events))
        except Exception as error:
            if len(events) == 1:
                sorting.poison(events[0], error)
            else:
                for half in _halves(events):
                    take(half)
        else:
            taken.extend(events)

    take(sorting.events)
    sorting.events = taken
    if len(runs) > 1:
        with suppress(Exception):  # events that go together with some of the others only stay in the runs found
            runs = [apply(taken)]
    return [one for run in runs for one in run]


async def divide(
    sorting: Sorting, events: Sequence[Recorded], attempt: Callable[[Sequence[Recorded]], Awaitable[None]]
) -> None:
    """Apply events by ``attempt``, which changes nothing when it raises ``Poison``; each one that it cannot take alone
    is parked, and what follows for its key.
    """
    events = sorting.applicable(events)
    if not events:
        return
    try:
        await attempt(events)
    except Poison as poison:
        if len(events) == 1:
            sorting.poison(events[0], poison.cause)
        else:
            for half in _halves(events):
                await divide(sorting, half, attempt)


def _halves(events: Sequence[Recorded]) -> tuple[Sequence[Recorded], Sequence[Recorded]]:
    middle = len(events) // 2
    return events[:middle], events[middle:]

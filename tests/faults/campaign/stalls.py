"""How long the write path stood still: from the history, by partition."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import pairwise

from tests.faults.history.history import History
from tests.faults.history.raw_log import Partition

BUSY = frozenset({"stock", "orders"})
"""The catalog is written too rarely to tell a stall from rest."""


class Stalls:
    """The moments at which each partition of a busy topic acknowledged something new."""

    def __init__(self, history: History) -> None:
        self._moments: dict[Partition, list[float]] = defaultdict(list)
        for operation in history:
            answer = operation.answer
            if answer is not None and answer.topic in BUSY and not answer.replayed:
                self._moments[answer.topic, answer.partition].append(operation.completed)
        for moments in self._moments.values():
            moments.sort()

    def longest(self, begin: float, end: float) -> float:
        """The longest time, in seconds, for which some partition acknowledged nothing, begun before ``end`` and ended
        after ``begin``; 0 where there was no load."""
        found = 0.0
        for moments in self._moments.values():
            first, last = max(0, bisect_left(moments, begin) - 1), bisect_right(moments, end) + 1
            found = max(found, max((after - before for before, after in pairwise(moments[first:last])), default=0.0))
        return found

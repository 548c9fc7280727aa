"""The deadlines of a partition's aggregates, as a heap that is folded with their states.

The owner of the partition carries them out; that a deadline has passed is itself an event, so a replay fires nothing.
"""

import heapq
from collections.abc import Callable
from datetime import datetime

SPARE = 1_000
"""So many outdated entries may always stay in the heap."""


class Deadlines:
    """The earliest deadline of each aggregate that has one."""

    def __init__(self) -> None:
        self._current: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._current)

    def note(self, subject: str, at: datetime | None) -> None:
        """Set the deadline of an aggregate (UTC), or that it has none."""
        if at is None:
            self._current.pop(subject, None)
        elif self._current.get(subject) != at:
            self._current[subject] = at
            heapq.heappush(self._heap, (at, subject))
            if len(self._heap) > 2 * len(self._current) + SPARE:
                self._heap = [(due, name) for name, due in self._current.items()]
                heapq.heapify(self._heap)

    def forget(self, after: datetime, but: Callable[[str], bool]) -> None:
        """Let go of what passes later than ``after``, but for the aggregates of which ``but`` says so."""
        self._current = {subject: at for subject, at in self._current.items() if at <= after or but(subject)}
        self._heap = [(at, subject) for subject, at in self._current.items()]
        heapq.heapify(self._heap)

    def passed(self, now: datetime, most: int) -> list[str]:
        """At most so many of the aggregates whose deadline has passed, the earliest first. Each is given once; ``note``
        sets it again."""
        subjects: list[str] = []
        while self._heap and self._heap[0][0] <= now and len(subjects) < most:
            at, subject = heapq.heappop(self._heap)
            if self._current.get(subject) == at:
                del self._current[subject]
                subjects.append(subject)
        return subjects

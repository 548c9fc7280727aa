"""Segments of remembered commands of all partitions: found by a digest of their id, forgotten the oldest first."""

import heapq
from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import count
from math import inf

from command_api.writer.key_segment import Remembered, Segment, digest

_ROW = 2**32
"""A command is known by the number of its segment times this, and its row there."""
_ALIKE_MS = 1000
"""Where many are forgotten at once, commands of one second count as of one age."""


class PackedKeys:
    """A command that comes again takes the place of what was known of it."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        """By the digest of their id."""
        self._segments: dict[int, Segment] = {}
        self._of_place: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        self._by_age: list[tuple[int, int, int]] = []
        """Of each segment: the age of the oldest command still remembered, the segment's number, and the row there."""
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def oldest_ms(self) -> float:
        """Append time of the oldest of all, milliseconds since 1970; infinite when there are none."""
        return self._by_age[0][0] if self._by_age else inf

    def find(self, command_id: str) -> Remembered | None:
        """What is remembered of a command."""
        if (row := self._rows.get(digest(command_id))) is None:
            return None
        found_id, remembered = self._segments[row // _ROW].row(row % _ROW)
        return remembered if found_id == command_id else None

    def discard(self, command_id: str) -> None:
        """Forget a command."""
        self._rows.pop(digest(command_id), None)

    def hold(self, segment: Segment, since_ms: int = 0) -> None:
        """Remember those commands of a segment that were appended at ``since_ms`` or later."""
        first = bisect_left(segment.ages, since_ms)
        if first == len(segment):
            return
        number = next(self._numbers)
        self._segments[number] = segment
        self._of_place[segment.topic, segment.partition].add(number)
        self._rows.update(zip(segment.digests[first:], range(number * _ROW + first, (number + 1) * _ROW), strict=False))
        heapq.heappush(self._by_age, (segment.ages[first], number, first))

    def drop(self, place: tuple[str, int]) -> None:
        """Forget the commands of a topic's partition."""
        gone = self._of_place.pop(place, set())
        for number in gone:
            segment = self._segments.pop(number)
            self._let_go(number, segment, 0, len(segment))
        if gone:
            self._by_age = [entry for entry in self._by_age if entry[1] in self._segments]
            heapq.heapify(self._by_age)

    def forget(self, before_ms: int, excess: int, until_ms: float) -> None:
        """Forget from the segment with the oldest command: those of before ``before_ms``, and up to ``excess`` that are
        not younger than the next one elsewhere, which is of ``until_ms`` or younger."""
        age, number, first = self._by_age[0]
        segment = self._segments[number]
        end = bisect_left(segment.ages, before_ms, first)
        if excess > 0:
            next_age = min([until_ms, *(entry[0] for entry in self._by_age[1:3])])
            alike = bisect_right(segment.ages, max(next_age, age + _ALIKE_MS), first)
            end = max(end, min(first + excess, alike))
        self._let_go(number, segment, first, end)
        if end < len(segment):
            heapq.heapreplace(self._by_age, (segment.ages[end], number, end))
        else:
            heapq.heappop(self._by_age)
            del self._segments[number]
            self._of_place[segment.topic, segment.partition].discard(number)

    def _let_go(self, number: int, segment: Segment, first: int, end: int) -> None:
        """Forget these rows, but where a newer one of the same command has taken their place."""
        for row, each in enumerate(segment.digests[first:end], start=number * _ROW + first):
            if self._rows.get(each) == row:
                del self._rows[each]

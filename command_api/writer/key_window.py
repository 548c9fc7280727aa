"""The memory of commands: which keys were used, with what request, and where their events lie.

It begins with what the snapshots keep and is folded from the log behind them, so it survives a crash. It forgets by age
and by number, the oldest first. All but the newest are packed: a take-over brings hundreds of thousands, of which next
to none is ever asked for.
"""

import heapq
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection
from itertools import count
from math import inf

from command_api.writer.key_segment import ROWS, Remembered, Segment, digest, pack, segments

_ROW = 2**32
"""A packed command is known by the number of its segment times this, and its row there."""
_ALIKE_MS = 1000
"""Where many are forgotten at once, commands of one second count as of one age."""


class KeyWindow:
    """Commands by id, for ``hours`` and at most ``most`` of them. One for all partitions of an instance, since the same
    key with another body may belong to another aggregate. Partitions are folded one after the other, so the order in
    which commands come says nothing of their age: the time of their append does."""

    def __init__(self, hours: float, most: int, partitions: int = 1) -> None:
        self._milliseconds = hours * 3_600_000
        self.most = most
        """The most commands that it holds."""
        self.most_of_one = min(most, 2 * most // partitions)
        """So many of one partition are looked for in its snapshot: twice its share, since keys are spread by hash."""
        self._newest: dict[str, Remembered] = {}
        """Those that are not packed yet, by id."""
        self._not_packed: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        self._not_packed_since = inf
        """None of these is older."""
        self._rows: dict[int, int] = {}
        """Packed commands by the digest of their id."""
        self._segments: dict[int, Segment] = {}
        self._of_place: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        self._by_age: list[tuple[int, int, int]] = []
        """Of each segment: the age of the oldest command still remembered, the segment's number, and the row there."""
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._newest) + len(self._rows)

    def get(self, command_id: str) -> Remembered | None:
        """What is remembered of a command, None if nothing is or it is older than the window."""
        known = self._find(command_id)
        return None if known is None or known.appended_ms < self.oldest_ms() else known

    def _find(self, command_id: str) -> Remembered | None:
        if (known := self._newest.get(command_id)) is not None:
            return known
        if (row := self._rows.get(digest(command_id))) is None:
            return None
        found_id, packed = self._segments[row // _ROW].row(row % _ROW)
        return packed if found_id == command_id else None

    def add(self, command_id: str, remembered: Remembered) -> Remembered | None:
        """Remember an event of a command and give what is known of it now: further events of it extend that. None for
        what is not remembered: the too old, and what has no fingerprint.

        That is a policy's: a repeat of it changes nothing, and so many would push others out.
        """
        if not remembered.fingerprint or remembered.appended_ms < self.oldest_ms():
            return None
        place = remembered.topic, remembered.partition
        known = self._find(command_id)
        if known is not None and (known.topic, known.partition) == place:
            remembered = known.extended(remembered)
        if known is None and len(self) >= self.most and remembered.appended_ms < self._oldest():
            return remembered  # it would be the first to be forgotten
        before = self._newest.get(command_id)
        if before is None or (before.topic, before.partition) != place:
            self._not_packed[place].append(command_id)
        if before is None and known is not None:
            del self._rows[digest(command_id)]
        self._not_packed_since = min(self._not_packed_since, remembered.appended_ms)
        self._newest[command_id] = remembered
        if len(self._not_packed[place]) >= ROWS:
            self._pack(place)
        self._forget()
        return remembered

    def extend(self, packed: bytes, topic: str, partition: int) -> None:
        """Remember commands of a partition that ``pack`` or ``joined`` gave. Raises ``Unreadable``."""
        oldest_ms = self.oldest_ms()
        for segment in segments(packed, topic, partition):
            self._hold(segment, bisect_left(segment.ages, oldest_ms))
            self._forget()

    def drop(self, places: Collection[tuple[str, int]]) -> None:
        """Forget the commands of these topics' partitions, which are another instance's from now on, or known anew."""
        for place in places:
            for command_id in self._not_packed.pop(place, ()):
                if self._is_newest(command_id, place):
                    del self._newest[command_id]
            for number in self._of_place.pop(place, ()):
                segment = self._segments.pop(number)
                self._let_go(number, segment, 0, len(segment))
        self._reset_not_packed_since()
        if len(self._by_age) != len(self._segments):
            self._by_age = [entry for entry in self._by_age if entry[1] in self._segments]
            heapq.heapify(self._by_age)

    def oldest_ms(self) -> int:
        """Append time of the oldest command that is still remembered, milliseconds since 1970."""
        return int(time.time() * 1000 - self._milliseconds)

    def _oldest(self) -> float:
        packed = self._by_age[0][0] if self._by_age else inf
        return min(packed, self._not_packed_since)

    def _is_newest(self, command_id: str, place: tuple[str, int]) -> bool:
        known = self._newest.get(command_id)
        return known is not None and (known.topic, known.partition) == place

    def _pack(self, place: tuple[str, int]) -> None:
        command_ids = dict.fromkeys(self._not_packed.pop(place))
        keys = pack({each: self._newest.pop(each) for each in command_ids if self._is_newest(each, place)})
        self._reset_not_packed_since()
        if keys is not None:
            for segment in segments(keys.packed, *place):
                self._hold(segment, 0)

    def _reset_not_packed_since(self) -> None:
        if not self._newest:
            self._not_packed_since = inf

    def _hold(self, segment: Segment, first: int) -> None:
        if first == len(segment):
            return
        number = next(self._numbers)
        self._segments[number] = segment
        self._of_place[segment.topic, segment.partition].add(number)
        self._rows.update(zip(segment.digests[first:], range(number * _ROW + first, (number + 1) * _ROW), strict=False))
        heapq.heappush(self._by_age, (segment.ages[first], number, first))

    def _forget(self) -> None:
        allowed = self.oldest_ms()
        # Many at once take a tenth of the time: a window that is full makes room for the next hundreds.
        fits = self.most if len(self) <= self.most else self.most - min(ROWS, self.most // 100)
        while (excess := len(self) - fits) > 0 or (self._by_age and self._by_age[0][0] < allowed):
            if excess > 0 and (not self._by_age or self._not_packed_since < self._by_age[0][0]):
                for place in list(self._not_packed):
                    self._pack(place)
                continue
            age, number, first = self._by_age[0]
            segment = self._segments[number]
            end = bisect_left(segment.ages, allowed, first)
            if excess > 0:
                next_age = min([self._not_packed_since, *(entry[0] for entry in self._by_age[1:3])])
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

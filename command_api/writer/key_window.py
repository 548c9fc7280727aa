"""The memory of commands: which keys were used, with what request, and where their events lie.

It begins with what the snapshots keep and is folded from the log behind them, so it survives a crash. It forgets by age
and by number, the oldest first. All but the newest are packed: a take-over brings hundreds of thousands, of which next
to none is ever asked for.
"""

import time
from collections import defaultdict
from collections.abc import Collection
from math import inf

from command_api.writer.key_segment import ROWS, Remembered, pack, segments
from command_api.writer.packed_keys import PackedKeys


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
        self._packed = PackedKeys()

    def __len__(self) -> int:
        return len(self._newest) + len(self._packed)

    def get(self, command_id: str) -> Remembered | None:
        """What is remembered of a command, None if nothing is or it is older than the window."""
        known = self._find(command_id)
        return None if known is None or known.appended_ms < self.oldest_ms() else known

    def _find(self, command_id: str) -> Remembered | None:
        return self._newest.get(command_id) or self._packed.find(command_id)

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
        if known is None and len(self) >= self.most and remembered.appended_ms < self._oldest_known():
            return remembered  # it would be the first to be forgotten
        before = self._newest.get(command_id)
        if before is None or (before.topic, before.partition) != place:
            self._not_packed[place].append(command_id)
        if before is None and known is not None:
            self._packed.discard(command_id)
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
            self._packed.hold(segment, oldest_ms)
            self._forget()

    def drop(self, places: Collection[tuple[str, int]]) -> None:
        """Forget the commands of these topics' partitions, which are another instance's from now on, or known anew."""
        for place in places:
            for command_id in self._not_packed.pop(place, ()):
                if self._is_newest(command_id, place):
                    del self._newest[command_id]
            self._packed.drop(place)
        self._reset_not_packed_since()

    def oldest_ms(self) -> int:
        """Append time of the oldest command that is still remembered, milliseconds since 1970."""
        return int(time.time() * 1000 - self._milliseconds)

    def _oldest_known(self) -> float:
        return min(self._packed.oldest_ms, self._not_packed_since)

    def _is_newest(self, command_id: str, place: tuple[str, int]) -> bool:
        known = self._newest.get(command_id)
        return known is not None and (known.topic, known.partition) == place

    def _pack(self, place: tuple[str, int]) -> None:
        command_ids = dict.fromkeys(self._not_packed.pop(place))
        keys = pack({each: self._newest.pop(each) for each in command_ids if self._is_newest(each, place)})
        self._reset_not_packed_since()
        if keys is not None:
            for segment in segments(keys.packed, *place):
                self._packed.hold(segment)

    def _reset_not_packed_since(self) -> None:
        if not self._newest:
            self._not_packed_since = inf

    def _forget(self) -> None:
        allowed = self.oldest_ms()
        # Many at once take a tenth of the time: a window that is full makes room for the next hundreds.
        fits = self.most if len(self) <= self.most else self.most - min(ROWS, self.most // 100)
        while (excess := len(self) - fits) > 0 or self._packed.oldest_ms < allowed:
            if excess > 0 and self._not_packed_since < self._packed.oldest_ms:
                for place in list(self._not_packed):
                    self._pack(place)
            else:
                self._packed.forget(allowed, excess, self._not_packed_since)

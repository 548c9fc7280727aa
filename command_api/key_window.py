"""The memory of commands: which keys were used, with what request, and where their events lie.

It begins with what the snapshots keep and is folded from the log behind them, so it survives a crash. It forgets by age
and by number, the oldest first.
"""

import heapq
import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

import orjson

from command_api.snapshots.snapshot import Keys


class Remembered(NamedTuple):
    """A command that was carried out, by the last of its events."""

    fingerprint: str
    subject: str
    version: int
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    appended_ms: int

    def extended(self, later: "Remembered") -> "Remembered":
        """The command with a later event of it taken in."""
        return later._replace(first_offset=min(self.first_offset, later.first_offset))


def packed(commands: Mapping[str, Remembered]) -> Keys | None:
    """These commands of one partition for a snapshot, None when there are none; ``KeyWindow.extend`` takes them."""
    if not commands:
        return None
    rows = [
        (command_id, it.fingerprint, it.subject, it.version, it.first_offset, it.last_offset, it.appended_ms)
        for command_id, it in commands.items()
    ]
    return Keys(orjson.dumps(rows), len(rows), max(known.appended_ms for known in commands.values()))


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
        self._remembered: dict[str, Remembered] = {}
        self._by_age: list[tuple[int, str]] = []
        self._counts: Counter[tuple[str, int]] = Counter()
        """How many are of each topic's partition: where there are none, none need to be looked for."""

    def __len__(self) -> int:
        return len(self._remembered)

    def get(self, command_id: str) -> Remembered | None:
        """What is remembered of a command, None if nothing is or it is older than the window."""
        known = self._remembered.get(command_id)
        return None if known is None or known.appended_ms < self.oldest_ms() else known

    def add(self, command_id: str, remembered: Remembered) -> None:
        """Remember an event of a command. Further events of it extend what is remembered.

        One without a fingerprint is a policy's: a repeat of it changes nothing, and so many would push others out.
        """
        if not remembered.fingerprint or remembered.appended_ms < self.oldest_ms():
            return
        self._take(command_id, remembered)
        self._forget()

    def _take(self, command_id: str, remembered: Remembered) -> None:
        known = self._remembered.get(command_id)
        if known is None:
            heapq.heappush(self._by_age, (remembered.appended_ms, command_id))
        else:
            self._counts[known.topic, known.partition] -= 1
            if (known.topic, known.partition) == (remembered.topic, remembered.partition):
                remembered = known.extended(remembered)
        self._counts[remembered.topic, remembered.partition] += 1
        self._remembered[command_id] = remembered

    def extend(self, segment: Keys, topic: str, partition: int) -> None:
        """Remember the commands of a partition that ``packed`` gave."""
        oldest_ms = self.oldest_ms()
        for command_id, fingerprint, subject, version, first, last, appended_ms in orjson.loads(segment.packed):
            if appended_ms >= oldest_ms:
                place = (topic, partition, first, last, appended_ms)
                self._take(command_id, Remembered(fingerprint, subject, version, *place))
        self._forget()

    def drop(self, places: Collection[tuple[str, int]]) -> None:
        """Forget the commands of these topics' partitions, which are another instance's from now on, or known anew."""
        if not sum(self._counts.pop(place, 0) for place in places):
            return
        self._remembered = {
            command_id: known
            for command_id, known in self._remembered.items()
            if (known.topic, known.partition) not in places
        }
        self._by_age = [(known.appended_ms, command_id) for command_id, known in self._remembered.items()]
        heapq.heapify(self._by_age)

    def oldest_ms(self) -> int:
        """Append time of the oldest command that is still remembered, milliseconds since 1970."""
        return int(time.time() * 1000 - self._milliseconds)

    def _forget(self) -> None:
        oldest_allowed = self.oldest_ms()
        while self._by_age and (len(self._remembered) > self.most or self._by_age[0][0] < oldest_allowed):
            forgotten = self._remembered.pop(heapq.heappop(self._by_age)[1])
            self._counts[forgotten.topic, forgotten.partition] -= 1

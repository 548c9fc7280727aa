"""The memory of commands: which keys were used, with what request, and where their events lie.

It is rebuilt from the log at every claim, so it survives a crash; it forgets by age and by number, the oldest first.
"""

import time
from collections import OrderedDict
from typing import NamedTuple


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


class KeyWindow:
    """Commands by id, for ``hours`` and at most ``most`` of them. One for all partitions of an instance, since the same
    key with another body may belong to another aggregate."""

    def __init__(self, hours: float, most: int) -> None:
        self._milliseconds = hours * 3_600_000
        self._most = most
        self._remembered: OrderedDict[str, Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._remembered)

    def get(self, command_id: str) -> Remembered | None:
        """What is remembered of a command, None if nothing is."""
        return self._remembered.get(command_id)

    def add(self, command_id: str, remembered: Remembered) -> None:
        """Remember an event of a command. Further events of it extend what is remembered.

        One without a fingerprint is a policy's: a repeat of it changes nothing, and so many would push others out.
        """
        if not remembered.fingerprint or remembered.appended_ms < time.time() * 1000 - self._milliseconds:
            return
        known = self._remembered.get(command_id)
        if known is not None and known.topic == remembered.topic and known.partition == remembered.partition:
            first = min(known.first_offset, remembered.first_offset)
            remembered = remembered._replace(first_offset=first)
        self._remembered[command_id] = remembered
        self._forget()

    def _forget(self) -> None:
        oldest_allowed = time.time() * 1000 - self._milliseconds
        while self._remembered:
            command_id, oldest = next(iter(self._remembered.items()))
            if len(self._remembered) <= self._most and oldest.appended_ms >= oldest_allowed:
                return
            del self._remembered[command_id]

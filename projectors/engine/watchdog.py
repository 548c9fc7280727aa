"""Watches the reader of a read model's topic: each partition that it should bring something of."""

from collections.abc import Mapping

from projectors.stillness import Seen, Stillness
from projectors.stores.store import Standing

STUCK_SECONDS = 10.0


class Watchdog:
    """Knows how long the reader of a topic was asked in vain, each partition by itself. Time in which nobody asked, as
    while a store is away, does not count.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._stillness = Stillness()

    def begin(self) -> None:
        """A reader is new."""
        self._stillness = Stillness()

    def asked(self, seconds: float, standings: Mapping[int, Standing], ends: Mapping[int, int]) -> None:
        """The reader was asked for so long; what it brought is in the standings. Raises ``Stuck`` when a partition that
        is behind its end has not moved for ``STUCK_SECONDS`` of asking.
        """
        offsets = {number: one.position.next_offset for number, one in standings.items()}
        seen = {f"{self._topic}/{number}": Seen(at, at < ends.get(number, 0)) for number, at in offsets.items()}
        self._stillness.after(seconds, seen, STUCK_SECONDS)

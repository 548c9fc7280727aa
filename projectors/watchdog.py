"""Ends a consumer that is alive but brings nothing of a partition, although there is something to read."""

from collections.abc import Mapping

from projectors.store import Standing

STUCK_SECONDS = 10.0


class Stuck(Exception):
    """The consumer is alive but brings nothing of a partition, although there is something to read."""


class Watchdog:
    """Knows how long the reader of a topic was asked in vain, each partition by itself. Time in which nobody asked, as
    while a store is away, does not count.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._seen: dict[int, tuple[int, float]] = {}
        """By partition: where it was seen last, and the seconds for which it was asked since."""

    def begin(self) -> None:
        """A reader is new."""
        self._seen.clear()

    def asked(self, seconds: float, standings: Mapping[int, Standing], ends: Mapping[int, int]) -> None:
        """The reader was asked for so long; what it brought is in the standings. Raises ``Stuck`` when a partition that
        is behind its end has not moved for ``STUCK_SECONDS`` of asking.
        """
        for number, one in standings.items():
            place = one.position.next_offset
            before, waited = self._seen.get(number, (-1, 0.0))
            waited = waited + seconds if place == before and place < ends.get(number, 0) else 0.0
            self._seen[number] = place, waited
            if waited > STUCK_SECONDS:
                raise Stuck(f"{self._topic}/{number}: behind the end for {STUCK_SECONDS:.0f} s without a record")

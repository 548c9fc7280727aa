"""Ends a consumer that is alive but brings nothing, although there is something to read."""

import time
from collections.abc import Mapping

from projectors.store import Standing

STUCK_SECONDS = 10.0


class Stuck(Exception):
    """The consumer is alive but brings nothing, although there is something to read."""


class Watchdog:
    """Knows when a topic's reader last got on."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._progress = time.monotonic()

    def progressed(self) -> None:
        """It got on, or began."""
        self._progress = time.monotonic()

    def look(self, standings: Mapping[int, Standing], ends: Mapping[int, int]) -> None:
        """Nothing came. Raises ``Stuck`` when it has been behind the ends for ``STUCK_SECONDS``."""
        if not any(ends.get(number, 0) > one.position.next_offset for number, one in standings.items()):
            self.progressed()
        elif time.monotonic() - self._progress > STUCK_SECONDS:
            raise Stuck(f"{self._topic}: behind the end for {STUCK_SECONDS:.0f} s without a record")

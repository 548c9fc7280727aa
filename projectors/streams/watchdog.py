"""Finds a worker that lives but brings nothing, as Faust's does now and then after a rebalance or a lost broker."""

import time
from collections.abc import Mapping

STUCK_SECONDS = 20.0
RECOVERY_SECONDS = 60.0


class Stuck(Exception):
    """Nothing came for long although there is something to read. The process ends, and is started again."""


class Watchdog:
    """Compares positions with the ends of the log; to be asked every second or so."""

    def __init__(self) -> None:
        self._seen: Mapping[int, int] = {}
        self._moved_at = time.monotonic()

    def look(self, positions: Mapping[int, int], ends: Mapping[int, int], *, is_ready: bool) -> None:
        """Raises `Stuck` when for 20 s no position has moved and one is behind its end, or for 60 s the worker has not
        become ready.
        """
        now = time.monotonic()
        is_behind = any(next_offset < ends.get(partition, 0) for partition, next_offset in positions.items())
        if positions != self._seen or (is_ready and not is_behind):
            self._seen, self._moved_at = dict(positions), now
        bound = STUCK_SECONDS if is_ready else RECOVERY_SECONDS
        if now - self._moved_at > bound:
            raise Stuck(f"no position has moved for {bound:.0f} s: {positions}, ends {dict(ends)}")

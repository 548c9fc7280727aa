"""Bounds the rate of a rebuild, so that it leaves room for those who are served meanwhile."""

import asyncio
import time

PIECE_SECONDS = 0.25
"""So long lasts what is read and committed in one go."""


class RateLimit:
    """A token bucket without a store: who has passed records waits until their time is over.

    ``per_second`` counts records of the log, each once for all projections that are filled from one reading; None is
    no bound.
    """

    def __init__(self, per_second: float | None = None) -> None:
        self._per_second = per_second
        self._free_at = 0.0

    def chunk(self, most: int) -> int:
        """How many records to take in one go, at most ``most``."""
        return most if self._per_second is None else max(1, int(min(most, self._per_second * PIECE_SECONDS)))

    async def passed(self, records: int) -> None:
        """Wait until so many records may have passed. Time that was not used is not made up for."""
        if self._per_second is None:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + records / self._per_second
        await asyncio.sleep(self._free_at - now)

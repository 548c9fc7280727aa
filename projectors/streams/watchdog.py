"""Finds a worker that lives but brings nothing, as a consumer may after a rebalance or a lost broker. Pure."""

from collections.abc import Mapping

STUCK_SECONDS = 20.0
RECOVERY_SECONDS = 60.0


class Stuck(Exception):
    """Nothing came for long although there is something to read. The process ends, and is started again."""


class Watchdog:
    """Compares positions with the ends of the log; to be asked every second or so, with a clock that never goes back.
    It begins at `now`, in seconds.
    """

    def __init__(self, now: float) -> None:
        self._seen: object = None
        self._moved_at = now

    def follow(self, positions: Mapping[int, int], stored: int, ends: Mapping[int, int], now: float) -> None:
        """Of a worker that is ready, and has `stored` so many rows. Raises `Stuck` when for 20 s nothing was read or
        stored and a position is behind its end.
        """
        is_behind = any(next_offset < ends.get(partition, 0) for partition, next_offset in positions.items())
        self._look((dict(positions), stored), STUCK_SECONDS, now, is_waiting=not is_behind)

    def recover(self, recovered: Mapping[int, int], now: float) -> None:
        """Of a worker that reads its changelog, of which it has `recovered` so much by partition. Raises `Stuck` when
        for 60 s that has not moved.
        """
        self._look(dict(recovered), RECOVERY_SECONDS, now, is_waiting=False)

    def _look(self, seen: object, bound: float, now: float, *, is_waiting: bool) -> None:
        if is_waiting or seen != self._seen:
            self._seen, self._moved_at = seen, now
        if now - self._moved_at > bound:
            raise Stuck(f"nothing has moved for {bound:.0f} s: {seen}")

"""Finds a worker that lives but brings nothing, as a consumer may after a rebalance or a lost broker. Pure.

Each partition is watched by itself: one that stands still is found while the others move.
"""

from collections.abc import Mapping

STUCK_SECONDS = 20.0
RECOVERY_SECONDS = 30.0


class Stuck(Exception):
    """Nothing came for long although there is something to read. The process ends, and is started again."""


class Watchdog:
    """Compares positions with the ends of the log; to be asked every second or so, with a clock that never goes back.
    It begins at `now`, in seconds.
    """

    def __init__(self, now: float) -> None:
        self._asked_at = now
        self._stored = 0
        self._seen: dict[str, tuple[object, float]] = {}
        """What was seen last of each that is watched, and for how many seconds it stood there."""

    def follow(self, positions: Mapping[int, int], stored: int, ends: Mapping[int, int], now: float) -> None:
        """Of a worker that is ready, and has `stored` so many rows. Raises `Stuck` when a partition is behind its end
        and was not read for 20 s, without those in which rows were stored: a store holds all partitions up.
        """
        seen, passed = self._turn(now)
        if stored != self._stored:
            passed, self._stored = 0.0, stored
        for partition, offset in positions.items():
            self._look(seen, f"partition {partition}", offset, passed, STUCK_SECONDS, offset < ends.get(partition, 0))

    def recover(self, recovered: Mapping[int, int], last: Mapping[int, int], now: float) -> None:
        """Of a worker that reads its changelog, of which it has `recovered` up to these offsets by partition, and of
        which these are the `last`, once that is known. Raises `Stuck` when for 30 s that has not moved, of a partition
        that is not at its last one, or of all.
        """
        seen, passed = self._turn(now)
        self._look(seen, "the recovery", sorted(recovered.items()), passed, RECOVERY_SECONDS, is_behind=True)
        for partition, offset in recovered.items():
            name, is_behind = f"changelog {partition}", offset < last.get(partition, 0)
            self._look(seen, name, offset, passed, RECOVERY_SECONDS, is_behind)

    def _turn(self, now: float) -> tuple[dict[str, tuple[object, float]], float]:
        """What was seen until now, and the seconds since; what is not looked at again is forgotten."""
        seen, self._seen = self._seen, {}
        passed, self._asked_at = now - self._asked_at, now
        return seen, passed

    def _look(
        self,
        seen: Mapping[str, tuple[object, float]],
        name: str,
        place: object,
        passed: float,
        bound: float,
        is_behind: bool,
    ) -> None:
        before, seconds = seen.get(name, (None, 0.0))
        seconds = seconds + passed if is_behind and place == before else 0.0
        self._seen[name] = place, seconds
        if seconds > bound:
            raise Stuck(f"{name} has not moved for {bound:.0f} s: {place}")

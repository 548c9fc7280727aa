"""Finds a worker that lives but brings nothing, as a consumer may after a rebalance or a lost broker. Pure."""

from collections.abc import Mapping

from projectors.stillness import Seen, Stillness

STUCK_SECONDS = 20.0
RECOVERY_SECONDS = 30.0


class Watchdog:
    """Compares positions with the ends of the log; to be asked every second or so, with a clock that never goes back.
    It begins at `now`, in seconds. Nothing catches its `Stuck`: the process ends, and is started again.
    """

    def __init__(self, now: float) -> None:
        self._asked_at = now
        self._stored = 0
        self._stillness = Stillness()

    def follow(self, positions: Mapping[int, int], stored: int, ends: Mapping[int, int], now: float) -> None:
        """Of a worker that is ready, and has `stored` so many rows. Raises `Stuck` when a partition is behind its end
        and was not read for 20 s, without those in which rows were stored: a store holds all partitions up.
        """
        passed = self._passed(now)
        if stored != self._stored:
            passed, self._stored = 0.0, stored
        seen = {f"partition {number}": Seen(at, at < ends.get(number, 0)) for number, at in positions.items()}
        self._stillness.after(passed, seen, STUCK_SECONDS)

    def recover(self, recovered: Mapping[int, int], last: Mapping[int, int], now: float) -> None:
        """Of a worker that reads its changelog, of which it has `recovered` up to these offsets by partition, and of
        which these are the `last`, once that is known. Raises `Stuck` when for 30 s that has not moved, of a partition
        that is not at its last one, or of all.
        """
        seen = {"the recovery": Seen(sorted(recovered.items()), is_behind=True)}
        seen |= {f"changelog {number}": Seen(at, at < last.get(number, 0)) for number, at in recovered.items()}
        self._stillness.after(self._passed(now), seen, RECOVERY_SECONDS)

    def _passed(self, now: float) -> float:
        passed, self._asked_at = now - self._asked_at, now
        return passed

"""The store of snapshots, and what goes wrong with it: it is away, and what it has is late, lost, damaged or old."""

from typing import Any

from command_api.writer.saver import Pace
from tests.contract.memory_snapshots import Key, SharedSnapshots
from tests.contract.model.world import World

OFTEN = Pace(seconds=1.0, records=10), 6
"""When to save, and the most aggregates that an instance may keep though they have not changed, half of each topic."""
HARDLY = Pace(seconds=3600, records=1_000_000), 1_000
KINDS = ("away", "away", "late", "row lost", "row unreadable", "thrown away", "set back", "set back", "set back")


class Store:
    """The store that all instances share, how often they save, and what happens to it.

    In some runs hardly a snapshot is taken: one that is moved tells an outdated writer that it is, which hides bugs.
    """

    def __init__(self, world: World) -> None:
        self.shared = SharedSnapshots()
        self.pace, self.most_cached = world.rng.choice([OFTEN, OFTEN, HARDLY])
        self.rows_lost = False
        """Whether a row ever was."""
        self._world = world
        self._troubled = True
        self._copies: dict[Key, tuple[Any, ...]] = {}

    def trouble(self) -> None:
        """One of the troubles by the dice, and later another, until ``mend``."""
        if self._troubled:
            self._happen(self._world.rng.choice(KINDS))
            for key in self.shared.marks:
                self._copy(key)
            self._world.plan(self._world.rng.expovariate(1), self.trouble)

    def _happen(self, kind: str) -> None:
        rng, shared = self._world.rng, self.shared
        if kind == "away":
            shared.away = True
            self._world.plan(rng.choice([0.3, 1, 3, 6]) * rng.random(), self._come_back)
            return
        if not shared.marks:
            return
        key = rng.choice(sorted(shared.marks))
        subject = rng.choice(sorted(shared.rows[key])) if shared.rows[key] else ""
        match kind:
            case "late":
                self._end_late(key)
            case "row lost":
                self.rows_lost = shared.rows[key].pop(subject, None) is not None or self.rows_lost
            case "row unreadable" if subject:
                shared.rows[key][subject] = shared.rows[key][subject]._replace(state=b"[[],null]")
            case "thrown away":
                shared.wait_for_lock(key)
                shared.drop(key)
            case "set back" if key in self._copies:
                # As after a crash that has lost the newest commits.
                shared.late.pop(key, None)
                shared.marks[key], rows, known, keys = self._copies[key]
                shared.rows[key], shared.known[key], shared.keys[key] = dict(rows), set(known), list(keys)

    def _copy(self, key: Key) -> None:
        shared = self.shared
        rows, known, keys = dict(shared.rows[key]), set(shared.known[key]), list(shared.keys[key])
        self._copies[key] = shared.marks[key], rows, known, keys

    def mend(self) -> None:
        """No more of it. What was late lands, or never will."""
        for key in sorted(self.shared.late):
            self._end_late(key)
        self._troubled = False
        self._come_back()

    def _come_back(self) -> None:
        self.shared.away = False

    def _end_late(self, key: Key) -> None:
        if key in self.shared.late:
            landing = self.shared.late.pop(key)
            if self._world.rng.random() < 0.5:
                landing()

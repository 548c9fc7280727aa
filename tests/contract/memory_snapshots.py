"""A store of snapshots in memory with the promises of ``SnapshotStore`` and none more; several writers may share one.

Calls get lost on the way there or back. A save whose sender has given up may land later: its lock keeps other changes
of the partition waiting until it has landed, or is aborted. A ``turn`` is awaited wherever others may run.
"""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from functools import partial

from command_api.snapshots.known_subjects import KnownSubjects
from command_api.snapshots.snapshot import Base, Kept, Keys, Mark, Place, SnapshotAway, SnapshotMoved
from command_api.writer.keepers import Keepers
from command_api.writer.saver import Pace
from tests.contract.memory_log import no_turn

Key = tuple[str, int]
"""Topic and partition."""
Marks = frozenset[Mark | None]
"""None: there is no snapshot."""


class SharedSnapshots:
    """What is stored, for all writers. ``away`` makes the store unreachable."""

    def __init__(self) -> None:
        self.marks: dict[Key, tuple[Place, Mark]] = {}
        self.rows: dict[Key, dict[str, Kept]] = {}
        self.known: dict[Key, set[str]] = {}
        self.keys: dict[Key, list[Keys]] = {}
        self.late: dict[Key, Callable[[], None]] = {}
        """Saves that may still land; at most one of a partition, since it holds the lock."""
        self.away = False
        self.saves = 0
        self.loads = 0

    def mark(self, place: Place) -> Mark | None:
        """Where the snapshot of a place stands."""
        of, mark = self.marks.get((place.topic, place.partition), (None, None))
        return mark if of == place else None

    def wait_for_lock(self, key: Key) -> None:
        """Have a save that was still on its way land first."""
        if key in self.late:
            self.late.pop(key)()

    def write(self, place: Place, after: Mark, aggregates: Collection[Kept], keys: Keys | None) -> None:
        """Carry a save out. As in PostgreSQL, a row never goes back to an older version."""
        key = place.topic, place.partition
        if self.mark(place) == after:
            return  # this very save was done before, and its answer was lost
        self.marks[key] = place, after
        rows = self.rows.setdefault(key, {})
        for row in aggregates:
            if row.subject not in rows or rows[row.subject].version <= row.version:
                rows[row.subject] = row
        self.known.setdefault(key, set()).update(row.subject for row in aggregates)
        self.keys.setdefault(key, []).extend([keys] if keys is not None else [])
        self.saves += 1

    def drop(self, key: Key) -> None:
        """Throw a partition's snapshot away."""
        for stored in (self.marks, self.rows, self.known, self.keys):
            stored.pop(key, None)


class MemorySnapshots:
    """One process' connection to the shared snapshots. ``loses`` says of each call what goes wrong with it: nothing,
    or its ``request`` or ``answer`` is lost, or the commit of a save comes ``late``."""

    def __init__(
        self,
        shared: SharedSnapshots,
        turn: Callable[[], Awaitable[None]] = no_turn,
        loses: Callable[[], str] = lambda: "nothing",
    ) -> None:
        self._shared = shared
        self._turn = turn
        self._loses = loses
        self._marks: dict[Key, Marks] = {}

    async def begin(self, place: Place, *, keys_since_ms: int, most_keys: int) -> Base | None:
        """See ``SnapshotStore.begin``."""
        lost = await self._reach()
        key, mark, base = (place.topic, place.partition), self._shared.mark(place), None
        if mark is not None:
            known = KnownSubjects()
            known.update(self._shared.known[key])
            base = Base(mark, known, [keys for keys in self._shared.keys[key] if keys.newest_ms >= keys_since_ms])
        elif key in self._shared.marks:
            self._shared.wait_for_lock(key)
            self._shared.drop(key)
        await self._answer(lost)
        self._marks[key] = frozenset({mark})
        return base

    async def save(
        self, place: Place, before: Mark | None, after: Mark, aggregates: Collection[Kept], keys: Keys | None
    ) -> None:
        """See ``SnapshotStore.save``."""
        if before is not None and after.position.next_offset <= before.position.next_offset:
            raise ValueError(f"a snapshot moves forward, not from {before} to {after}")
        key = place.topic, place.partition
        expected: Marks = self._marks[key] if before in self._marks.get(key, ()) else frozenset({before})
        lost = await self._reach()
        self._shared.wait_for_lock(key)
        mark = self._shared.mark(place)
        if mark not in expected or (mark is None and key in self._shared.marks):
            raise SnapshotMoved(f"{self._shared.marks.get(key)} is not {before}")
        self._marks[key] = expected | {after}
        write = partial(self._shared.write, place, after, aggregates, keys)
        if lost == "late":
            self._shared.late[key] = write
        else:
            write()
        await self._answer(lost)
        self._marks[key] = frozenset({after})

    async def load(self, place: Place, subjects: Collection[str]) -> dict[str, Kept]:
        """See ``SnapshotStore.load``."""
        rows = await self._held(place)
        self._shared.loads += 1
        return {subject: rows[subject] for subject in subjects if subject in rows}

    async def due(self, place: Place, until: datetime, most: int) -> list[tuple[str, datetime]]:
        """See ``SnapshotStore.due``."""
        due = [(row.due_at, row.subject) for row in (await self._held(place)).values() if row.due_at is not None]
        return [(subject, at) for at, subject in sorted(due) if at <= until][:most]

    async def forget(self, place: Place) -> None:
        """See ``SnapshotStore.forget``."""
        lost = await self._reach()
        key = place.topic, place.partition
        self._shared.wait_for_lock(key)
        self._shared.drop(key)
        await self._answer(lost)
        self._marks[key] = frozenset({None})

    async def _reach(self) -> str:
        await self._turn()
        lost = self._loses()
        if self._shared.away or lost == "request":
            raise SnapshotAway("it is away")
        return lost

    async def _answer(self, lost: str) -> None:
        await self._turn()
        if lost != "nothing":
            raise SnapshotAway("its answer is lost")

    async def _held(self, place: Place) -> dict[str, Kept]:
        """The rows under a mark that this process gave or saved, before it asked or meanwhile."""
        key = place.topic, place.partition
        marks = self._marks.get(key)
        lost = await self._reach()
        mark, rows = self._shared.mark(place), dict(self._shared.rows.get(key, {}))
        await self._answer(lost)
        if marks is not None and mark not in marks | self._marks[key]:
            raise SnapshotMoved("it is at another mark")
        return rows if mark is not None else {}


def snapshots_of(
    shared: SharedSnapshots | None = None, *, seconds: float = 3600, records: int = 1_000_000, most_cached: int = 1_000
) -> Keepers:
    """Keepers of snapshots in memory; by default none is taken until the writer stops."""
    return Keepers(MemorySnapshots(shared or SharedSnapshots()), "memory", Pace(seconds, records), most_cached)

"""A store of snapshots in memory with the promises of ``SnapshotStore``; several writers may share one."""

from collections.abc import Collection
from datetime import datetime

from command_api.snapshots.keeper import Pace
from command_api.snapshots.known_subjects import KnownSubjects
from command_api.snapshots.snapshot import Base, Kept, Keys, Mark, Place, SnapshotAway, SnapshotMoved
from command_api.snapshots.snapshots import Snapshots


class SharedSnapshots:
    """What is stored, for all writers. ``away`` makes the store unreachable."""

    def __init__(self) -> None:
        self.marks: dict[tuple[str, int], tuple[Place, Mark]] = {}
        self.rows: dict[tuple[str, int], dict[str, Kept]] = {}
        self.known: dict[tuple[str, int], set[str]] = {}
        self.keys: dict[tuple[str, int], list[Keys]] = {}
        self.away = False
        self.saves = 0
        self.loads = 0


class MemorySnapshots:
    """One process' connection to the shared snapshots."""

    def __init__(self, shared: SharedSnapshots) -> None:
        self._shared = shared
        self._mark: dict[tuple[str, int], Mark | None] = {}

    async def begin(self, place: Place, *, keys_since_ms: int, most_keys: int) -> Base | None:
        """See ``SnapshotStore.begin``."""
        self._reach()
        key = place.topic, place.partition
        stored = self._shared.marks.get(key)
        if stored is None or stored[0] != place:
            await self.forget(place)
            return None
        self._mark[key] = stored[1]
        known = KnownSubjects()
        known.update(self._shared.known[key])
        return Base(stored[1], known, [keys for keys in self._shared.keys[key] if keys.newest_ms >= keys_since_ms])

    async def save(
        self, place: Place, before: Mark | None, after: Mark, aggregates: Collection[Kept], keys: Keys | None
    ) -> None:
        """See ``SnapshotStore.save``."""
        self._reach()
        key = place.topic, place.partition
        stored = self._shared.marks.get(key)
        if (None if stored is None else stored[1]) != before:
            raise SnapshotMoved(f"{stored} is not {before}")
        assert before is None or after.position.next_offset > before.position.next_offset
        self._shared.marks[key] = place, after
        self._mark[key] = after
        self._shared.rows.setdefault(key, {}).update({each.subject: each for each in aggregates})
        self._shared.known.setdefault(key, set()).update(each.subject for each in aggregates)
        self._shared.keys.setdefault(key, []).extend([keys] if keys is not None else [])
        self._shared.saves += 1

    async def load(self, place: Place, subjects: Collection[str]) -> dict[str, Kept]:
        """See ``SnapshotStore.load``."""
        rows = self._held(place)
        self._shared.loads += 1
        return {subject: rows[subject] for subject in subjects if subject in rows}

    async def due(self, place: Place, until: datetime, most: int) -> list[tuple[str, datetime]]:
        """See ``SnapshotStore.due``."""
        due = [(row.due_at, row.subject) for row in self._held(place).values() if row.due_at is not None]
        return [(subject, at) for at, subject in sorted(due) if at <= until][:most]

    async def forget(self, place: Place) -> None:
        """See ``SnapshotStore.forget``."""
        self._reach()
        key = place.topic, place.partition
        for stored in (self._shared.marks, self._shared.rows, self._shared.known, self._shared.keys):
            stored.pop(key, None)
        self._mark[key] = None

    def _reach(self) -> None:
        if self._shared.away:
            raise SnapshotAway("it is away")

    def _held(self, place: Place) -> dict[str, Kept]:
        self._reach()
        key = place.topic, place.partition
        stored = self._shared.marks.get(key)
        if (None if stored is None else stored[1]) != self._mark.get(key):
            raise SnapshotMoved("it is at another mark")
        return self._shared.rows.get(key, {})


def snapshots_of(
    shared: SharedSnapshots | None = None, *, seconds: float = 3600, records: int = 1_000_000, most_cached: int = 1_000
) -> Snapshots:
    """Snapshots in memory for a writer; by default none is taken until it stops."""
    return Snapshots(MemorySnapshots(shared or SharedSnapshots()), "memory", Pace(seconds, records), most_cached)

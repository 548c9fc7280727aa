"""Keeps one partition's snapshot: begins with it, and saves in the background what has changed since.

A snapshot is never needed for the truth. Without one, or with one that turns out wrong, the log is read from its
beginning.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import orjson
import structlog

from command_api.snapshots.known_subjects import KnownSubjects
from command_api.snapshots.snapshot import (
    BEGINNING,
    Base,
    Kept,
    Keys,
    Mark,
    Place,
    SnapshotAway,
    SnapshotMoved,
    SnapshotStore,
    SnapshotWrong,
)
from command_api.writer.aggregate import kept
from command_api.writer.cold_loads import ColdLoads
from command_api.writer.kept_deadlines import KeptDeadlines
from command_api.writer.key_segment import ROWS, Remembered, Unreadable, joined, pack
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Captured, Memory, subject_of
from domain.decider import Decider
from event_schemas.record import LogRecord

QUARANTINED = "\x01quarantined"
"""Where a snapshot keeps which aggregates are quarantined; no aggregate has such an id."""
ROWS_IN_A_TURN = 20
"""So many aggregates are dumped before other tasks get their turn."""

logger = structlog.get_logger(__name__)


class Pace(NamedTuple):
    """When a snapshot is due: so many seconds after the last one, or after so many records of the log."""

    seconds: float
    records: int


class Turn:
    """What the keepers of an instance share, so that one saves at a time: all at once they would make commands wait."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()


class Keeper:
    """The snapshot of the partition that ``memory`` is of. ``on_lost`` is called when it cannot be gone on with: then
    the partition is to be claimed anew, from ``begin`` on."""

    def __init__(
        self,
        store: SnapshotStore,
        place: Place,
        decider: Decider[Any],
        memory: Memory,
        keys: KeyWindow,
        pace: Pace,
        turn: Turn,
        on_lost: Callable[[], None],
    ) -> None:
        self._store = store
        self._place = place
        self._decider = decider
        self._memory = memory
        self._keys = keys
        self._pace = pace
        self._turn = turn
        self._on_lost = on_lost
        self._cold = ColdLoads(store, place, decider, memory)
        self._deadlines = KeptDeadlines(store, place, memory, self.lose)
        self._known = KnownSubjects()
        self._mark = BEGINNING
        self._outdated = False
        self._tried_at = time.monotonic()
        self._saving: asyncio.Task[None] | None = None
        self.lost: SnapshotMoved | SnapshotWrong | None = None
        """Why the snapshot cannot be gone on with, None while it can."""
        self.trouble = ""
        """Why no snapshot is taken at the moment, empty when one is."""

    async def begin(self, *, stay_if_away: bool, or_without: bool = True) -> Mark | None:
        """Put memory back to the stored snapshot and give its mark: ``BEGINNING`` when there is none, or the store is
        away. With ``stay_if_away`` memory stays as it is in that case, and None is given.

        Raises ``SnapshotMoved`` or ``SnapshotWrong``, and ``SnapshotAway`` where it may not begin ``or_without``.
        """
        await self.settled()
        try:
            if isinstance(self.lost, SnapshotWrong):
                await self._store.forget(self._place)
            base, quarantined = await self._stored()
            self._outdated, self.trouble = False, ""
        except SnapshotAway as away:
            self.trouble = str(away)
            if stay_if_away and self.lost is None:
                return None
            if not or_without:
                raise
            # What is stored may be of long ago: it is thrown away before anything is saved.
            self._outdated = True
            base, quarantined = None, {}
        self.lost = None
        self._mark = BEGINNING if base is None else base.mark
        self._known = KnownSubjects() if base is None else base.known
        self._memory.reset(self._known, quarantined, based=base is not None)
        self._keys.drop({(self._place.topic, self._place.partition)})
        try:
            for keys in () if base is None else base.keys:
                self._keys.extend(keys.packed, self._place.topic, self._place.partition)
                await asyncio.sleep(0)
        except Unreadable as error:
            raise SnapshotWrong(str(error)) from error
        return self._mark

    async def _stored(self) -> tuple[Base | None, dict[str, str]]:
        base = await self._store.begin(
            self._place, keys_since_ms=self._keys.oldest_ms(), most_keys=self._keys.most_of_one
        )
        if base is None or QUARANTINED not in base.known:
            return base, {}
        found = await self._store.load(self._place, [QUARANTINED])
        if QUARANTINED not in found:
            raise SnapshotWrong("it has lost which aggregates are quarantined")
        try:
            return base, dict(orjson.loads(found[QUARANTINED].state))
        except (ValueError, TypeError) as error:
            raise SnapshotWrong(f"which aggregates are quarantined cannot be read: {error!r}") from error

    def lose(self, why: SnapshotMoved | SnapshotWrong) -> None:
        """Take note that the snapshot cannot be gone on with, once."""
        if self.lost is not None:
            return
        logger.warning("snapshot lost", topic=self._place.topic, partition=self._place.partition, why=repr(why))
        self.lost = why
        self._on_lost()

    async def load(self, subjects: Iterable[str]) -> None:
        """Return when these aggregates have been in memory, or are new: one is there then, of several memory may have
        let go of some again. Raises ``SnapshotAway``, ``SnapshotMoved`` or ``SnapshotWrong``."""
        try:
            await self._cold.load(subjects)
        except (SnapshotMoved, SnapshotWrong) as lost:
            self.lose(lost)
            raise

    async def prepare(self, records: Sequence[LogRecord]) -> None:
        """Return when all that these records are of is in memory. Raises as ``load``."""
        subjects = dict.fromkeys(map(subject_of, records))
        # Looked at again: memory may let go of some, after a save, while others are loaded.
        while cold := [subject for subject in subjects if self._memory.cold(subject)]:
            await self._cold.load(cold)

    def look_at_deadlines(self, now: datetime) -> None:
        """Have the deadlines of the next minutes brought into memory."""
        self._deadlines.look(now)

    def offer(self, mark: Mark) -> None:
        """Begin to save when a snapshot is due and no other is being taken. Only between two batches: memory must be
        what the log says up to ``mark``."""
        moved = mark.position.next_offset - self._mark.position.next_offset
        waited = time.monotonic() - self._tried_at >= self._pace.seconds
        if moved and self._turn.free.is_set() and (waited or (moved >= self._pace.records and not self.trouble)):
            self._save_soon(mark)

    def _save_soon(self, mark: Mark) -> None:
        if self._saving is None and self.lost is None:
            self._tried_at = time.monotonic()
            self._turn.free.clear()
            self._saving = asyncio.create_task(
                self._save(mark, self._memory.capture()), name=f"save {self._place.topic}"
            )
            self._saving.add_done_callback(self._saved)

    def _saved(self, saving: "asyncio.Task[None]") -> None:
        self._saving = None
        self._turn.free.set()

    async def reached(self, mark: Mark) -> None:
        """The log has been read up to ``mark``. While memory has more of it than makes a snapshot due, wait for one and
        for the turn to take it: many partitions may be read at once, faster than they can be saved."""
        self.offer(mark)
        while self._memory.changes > self._pace.records and not self.trouble and self.lost is None:
            await self.settled()
            await self._turn.free.wait()
            self.offer(mark)

    async def settled(self) -> None:
        """Wait until no save is under way. Raises nothing."""
        if self._saving is not None:
            await asyncio.wait({self._saving})

    async def close(self, mark: Mark) -> None:
        """Save what is left, so that a successor need not read it from the log. Raises nothing."""
        await self.settled()
        if self._mark != mark:
            self._save_soon(mark)
            await self.settled()

    async def _save(self, mark: Mark, captured: Captured) -> None:
        try:
            if self._outdated:
                await self._store.forget(self._place)
                self._outdated, self._mark = False, BEGINNING
            elif self.trouble:
                await self._store.load(self._place, ())  # while it is away, all that has piled up is not dumped for it
            rows = await self._rows(captured)
            before = None if self._mark == BEGINNING else self._mark
            assert before is not None or not self._known, "a first snapshot of what was partly in another one"
            await self._store.save(self._place, before, mark, rows, await _packed(captured.commands))
            await self._learn([row.subject for row in rows])
        except SnapshotAway as away:
            self.trouble = str(away)
        except SnapshotMoved as moved:
            self.lose(moved)
        except Exception as error:
            self.trouble = repr(error)
            logger.exception("no snapshot", topic=self._place.topic, partition=self._place.partition)
        else:
            self._mark, self.trouble = mark, ""
            self._memory.saved()
            return
        self._memory.not_saved()
        if self.trouble:
            logger.warning("no snapshot", topic=self._place.topic, partition=self._place.partition, why=self.trouble)

    async def _rows(self, captured: Captured) -> list[Kept]:
        rows = []
        for number, (subject, aggregate) in enumerate(captured.aggregates.items(), start=1):
            rows.append(kept(subject, aggregate, self._decider))
            if number % ROWS_IN_A_TURN == 0:
                await asyncio.sleep(0)
        if captured.quarantined is not None:
            rows.append(Kept(QUARANTINED, len(captured.quarantined), orjson.dumps(captured.quarantined)))
        return rows

    async def _learn(self, subjects: list[str]) -> None:
        for start in range(0, len(subjects), 5 * ROWS_IN_A_TURN):
            self._known.update(subjects[start : start + 5 * ROWS_IN_A_TURN])
            await asyncio.sleep(0)


async def _packed(commands: Mapping[str, Remembered]) -> Keys | None:
    """These commands for the store, packed in portions, so that other tasks come in between."""
    parts, waiting = [], iter(commands.items())
    while portion := dict(islice(waiting, ROWS)):
        if (part := pack(portion)) is not None:
            parts.append(part)
        await asyncio.sleep(0)
    return joined(parts)

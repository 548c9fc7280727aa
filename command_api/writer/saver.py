"""Saves one partition's snapshot in the background: what has changed in memory since the last one."""

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, NamedTuple

import orjson
import structlog

from command_api.snapshots.known_subjects import KnownSubjects
from command_api.snapshots.snapshot import (
    BEGINNING,
    Kept,
    Keys,
    Mark,
    Place,
    SnapshotAway,
    SnapshotMoved,
    SnapshotStore,
)
from command_api.writer.aggregate import Unkeepable, kept
from command_api.writer.key_segment import ROWS, Remembered, joined, pack
from command_api.writer.memory import Captured, Memory
from domain.decider import Decider

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
    """What the savers of an instance share, so that one saves at a time: all at once they would make commands wait."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()


class Saver:
    """``on_moved`` is called when somebody else has saved, or thrown the snapshot away."""

    def __init__(
        self,
        store: SnapshotStore,
        place: Place,
        decider: Decider[Any],
        memory: Memory,
        pace: Pace,
        turn: Turn,
        on_moved: Callable[[SnapshotMoved], None],
    ) -> None:
        self._store = store
        self._place = place
        self._decider = decider
        self._memory = memory
        self._pace = pace
        self._turn = turn
        self._on_moved = on_moved
        self._known = KnownSubjects()
        self._mark = BEGINNING
        self._outdated = False
        self._tried_at = time.monotonic()
        self._saving: asyncio.Task[None] | None = None
        self._given_up = False
        self.trouble = ""
        """Why no snapshot is taken at the moment, empty when one is."""

    def begin(self, mark: Mark, known: KnownSubjects, away: SnapshotAway | None) -> None:
        """Go on from the snapshot that memory has begun with. Where the store is ``away``, what it has may be of long
        ago: it is thrown away before anything is saved."""
        self._mark, self._known = mark, known
        self._outdated, self.trouble, self._given_up = away is not None, str(away or ""), False

    def give_up(self) -> None:
        """Save no more, until ``begin``."""
        self._given_up = True

    def offer(self, mark: Mark) -> None:
        """Begin to save when a snapshot is due and no other is being taken. Only between two batches: memory must be
        what the log says up to ``mark``."""
        moved = mark.position.next_offset - self._mark.position.next_offset
        waited = time.monotonic() - self._tried_at >= self._pace.seconds
        if moved and self._turn.free.is_set() and (waited or (moved >= self._pace.records and not self.trouble)):
            self._save_soon(mark)

    def _save_soon(self, mark: Mark) -> None:
        if self._saving is None and not self._given_up:
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
        while self._memory.changes > self._pace.records and not self.trouble and not self._given_up:
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
            self._on_moved(moved)
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
        """What is to be saved. An aggregate that cannot be kept is quarantined, so that it alone is not."""
        rows, quarantined = [], captured.quarantined
        for number, (subject, aggregate) in enumerate(captured.aggregates.items(), start=1):
            try:
                rows.append(kept(subject, aggregate, self._decider))
            except Unkeepable as error:
                self._memory.set_aside(subject, f"{self._place.topic}/{self._place.partition}: {error}")
                quarantined = self._memory.quarantined
            if number % ROWS_IN_A_TURN == 0:
                await asyncio.sleep(0)
        if quarantined is not None:
            rows.append(Kept(QUARANTINED, len(quarantined), orjson.dumps(quarantined)))
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

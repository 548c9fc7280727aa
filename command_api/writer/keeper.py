"""Keeps one partition's snapshot: begins with it, and brings of it into memory what is asked for.

A snapshot is never needed for the truth. Without one, or with one that turns out wrong, the log is read from its
beginning.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
import structlog

from command_api.snapshots.known_subjects import KnownSubjects
from command_api.snapshots.snapshot import (
    BEGINNING,
    Base,
    Mark,
    Place,
    SnapshotAway,
    SnapshotMoved,
    SnapshotStore,
    SnapshotWrong,
)
from command_api.writer.cold_loads import ColdLoads
from command_api.writer.kept_deadlines import KeptDeadlines
from command_api.writer.key_segment import Unreadable, merged
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Memory, subject_of
from command_api.writer.saver import QUARANTINED, Pace, Saver, Turn
from domain.decider import Decider
from event_schemas.record import LogRecord

logger = structlog.get_logger(__name__)


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
        self._memory = memory
        self._keys = keys
        self._on_lost = on_lost
        self._cold = ColdLoads(store, place, decider, memory)
        self._deadlines = KeptDeadlines(store, place, memory, self.lose)
        self.saver = Saver(store, place, decider, memory, pace, turn, self.lose)
        self.lost: SnapshotMoved | SnapshotWrong | None = None
        """Why the snapshot cannot be gone on with, None while it can."""

    async def begin(self, *, stay_if_away: bool, or_without: bool = True) -> Mark | None:
        """Put memory back to the stored snapshot and give its mark: ``BEGINNING`` when there is none, or the store is
        away. With ``stay_if_away`` memory stays as it is in that case, and None is given.

        Raises ``SnapshotMoved`` or ``SnapshotWrong``, and ``SnapshotAway`` where it may not begin ``or_without``.
        """
        await self.saver.settled()
        gone: SnapshotAway | None = None
        try:
            if isinstance(self.lost, SnapshotWrong):
                await self._store.forget(self._place)
            base, quarantined = await self._stored()
        except SnapshotAway as away:
            self.saver.trouble = str(away)
            if stay_if_away and self.lost is None:
                return None
            if not or_without:
                raise
            gone, base, quarantined = away, None, {}
        self.lost = None
        mark, known = (BEGINNING, KnownSubjects()) if base is None else (base.mark, base.known)
        self.saver.begin(mark, known, gone)
        self._memory.reset(known, quarantined, based=base is not None)
        self._keys.drop({(self._place.topic, self._place.partition)})
        try:
            for keys in merged(() if base is None else base.keys):
                self._keys.extend(keys.packed, self._place.topic, self._place.partition)
                await asyncio.sleep(0)
        except Unreadable as error:
            raise SnapshotWrong(str(error)) from error
        return mark

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
        self.saver.give_up()
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

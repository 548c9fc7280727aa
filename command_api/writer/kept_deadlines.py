"""Brings the deadlines of the next minutes from the snapshot into memory, so that memory need not hold all of them."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from command_api.snapshots.snapshot import Place, SnapshotAway, SnapshotMoved, SnapshotStore
from command_api.writer.memory import Memory

AHEAD = timedelta(minutes=10)
"""Deadlines up to so far ahead are in memory; those of aggregates that have changed since the snapshot always are."""
AGAIN = timedelta(seconds=5)
"""Not before this the store is asked again, were it away or has it more passed deadlines than were taken."""
MOST = 10_000
"""So many deadlines are taken at once."""

logger = structlog.get_logger(__name__)


class KeptDeadlines:
    """The deadlines that one partition's snapshot has. ``lose`` is told when the snapshot is not ours any more."""

    def __init__(
        self, store: SnapshotStore, place: Place, memory: Memory, lose: Callable[[SnapshotMoved], None]
    ) -> None:
        self._store = store
        self._place = place
        self._memory = memory
        self._lose = lose
        self._resets = -1
        self._next: datetime | None = None
        self._asking: asyncio.Task[None] | None = None

    def look(self, now: datetime) -> None:
        """Ask for the next deadlines when it is time to."""
        if self._asking is None and (self._next is None or now >= self._next or self._resets != self._memory.resets):
            self._asking = asyncio.create_task(self._ask(now), name=f"deadlines {self._place.topic}")
            self._asking.add_done_callback(self._asked)

    def _asked(self, asking: "asyncio.Task[None]") -> None:
        self._asking = None

    async def _ask(self, now: datetime) -> None:
        until, resets = now + AHEAD, self._memory.resets
        try:
            found = await self._store.due(self._place, until, MOST)
        except SnapshotAway as away:
            logger.warning("deadlines of the snapshot not known yet", topic=self._place.topic, why=str(away))
            self._next, self._resets = now + AGAIN, resets
            return
        except SnapshotMoved as moved:
            if self._memory.resets == resets:
                self._lose(moved)
            return
        if self._memory.resets != resets:
            return
        self._memory.deadlines.forget(until, self._memory.is_changed)
        for subject, at in found:
            if not self._memory.is_changed(subject):
                self._memory.deadlines.note(subject, at)
        self._next = max(now + AGAIN, min(until - AHEAD / 2, found[-1][1] if len(found) == MOST else until))
        self._resets = resets

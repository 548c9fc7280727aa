"""Brings aggregates from the snapshot into memory: all that are wanted at one time in one query."""

import asyncio
from collections.abc import Collection, Iterable
from typing import Any

from command_api.snapshots.snapshot import Place, SnapshotStore, SnapshotWrong
from command_api.writer.aggregate import aggregate_of
from command_api.writer.memory import Memory
from domain.decider import Decider

MOST_AT_ONCE = 500
"""So many aggregates are asked for in one query."""


class ColdLoads:
    """Loads of one partition. One query is under way at a time; what is wanted meanwhile goes with the next."""

    def __init__(self, store: SnapshotStore, place: Place, decider: Decider[Any], memory: Memory) -> None:
        self._store = store
        self._place = place
        self._decider = decider
        self._memory = memory
        self._wanted: dict[str, None] = {}
        self._turn = asyncio.Lock()

    async def load(self, subjects: Iterable[str]) -> None:
        """Return when each of these aggregates has been in memory; of several, memory may have let go of some again.
        Raises ``SnapshotAway``, ``SnapshotMoved`` or ``SnapshotWrong``."""
        waiting = [subject for subject in subjects if self._memory.cold(subject)]
        while waiting:
            self._wanted.update(dict.fromkeys(waiting))
            async with self._turn:
                # What another task has loaded in its turn is not asked for again.
                portion = [subject for subject in self._wanted if self._memory.cold(subject)][:MOST_AT_ONCE]
                self._wanted = {}
                if portion:
                    await self._load(portion)
            waiting = [subject for subject in waiting if self._memory.cold(subject)]

    async def _load(self, subjects: Collection[str]) -> None:
        resets = self._memory.resets
        found = await self._store.load(self._place, subjects)
        if self._memory.resets != resets:
            return  # memory has begun again meanwhile, and with another snapshot
        for subject in subjects:
            if subject not in found:
                raise SnapshotWrong(f"{subject} of {self._place.topic}/{self._place.partition} is missing")
            try:
                aggregate = aggregate_of(found[subject], self._decider, self._place.partition)
            except (ValueError, TypeError, KeyError, IndexError) as error:
                raise SnapshotWrong(f"{subject} cannot be read: {error!r}") from error
            self._memory.loaded(subject, aggregate)

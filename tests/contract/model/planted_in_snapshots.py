"""Bugs of snapshots to plant into the project's own writers. Each must be caught too."""

from collections.abc import Sequence
from typing import Any

import pytest

from command_api.snapshots.snapshot import SnapshotAway
from command_api.writer import saver
from command_api.writer.cold_loads import ColdLoads
from command_api.writer.keeper import Keeper
from command_api.writer.kept_deadlines import KeptDeadlines
from command_api.writer.memory import Captured, Memory
from command_api.writer.parking import Parking
from command_api.writer.partition_writer import PartitionWriter
from event_schemas.record import LogRecord
from tests.contract.memory_snapshots import MemorySnapshots
from tests.contract.model.planted import Plant


def saves_what_is_not_acknowledged(patch: pytest.MonkeyPatch) -> None:
    def tick(self: PartitionWriter) -> None:
        usual(self)
        if not self.claiming:
            self._keeper.saver.offer(self._fence.mark)

    usual = PartitionWriter.tick
    patch.setattr(PartitionWriter, "tick", tick)


def keeps_no_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(saver, "pack", lambda commands: None)


def loses_changes_of_a_save_that_failed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Memory, "not_saved", Memory.saved)


def lets_parked_commands_overtake_each_other(patch: pytest.MonkeyPatch) -> None:
    park = Parking.park

    def turn_round(self: Parking, pending: Any) -> None:
        park(self, pending)
        self._waiting[pending.intent.command.aggregate_id].reverse()

    patch.setattr(Parking, "park", turn_round)


def takes_the_snapshot_of_another_for_its_own(patch: pytest.MonkeyPatch) -> None:
    save = MemorySnapshots.save

    async def save_over(self: MemorySnapshots, place: Any, before: Any, *args: Any) -> None:
        await save(self, place, self._shared.mark(place), *args)

    patch.setattr(MemorySnapshots, "save", save_over)


def loads_from_any_snapshot(patch: pytest.MonkeyPatch) -> None:
    held = MemorySnapshots._held

    async def any_held(self: MemorySnapshots, place: Any) -> Any:
        self._marks.pop((place.topic, place.partition), None)
        return await held(self, place)

    patch.setattr(MemorySnapshots, "_held", any_held)


def keeps_memory_when_the_snapshot_is_lost(patch: pytest.MonkeyPatch) -> None:
    reset = Memory.reset

    def keep(self: Memory, known: Any, quarantined: Any, *, based: bool) -> None:
        held = dict(self._cached) if self.resets else {}
        reset(self, known, quarantined, based=based)
        self._cached.update(held)

    patch.setattr(Memory, "reset", keep)


def goes_on_with_a_snapshot_that_is_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keeper, "lose", lambda self, why: None)


def takes_what_is_missing_for_new(patch: pytest.MonkeyPatch) -> None:
    load = MemorySnapshots.load

    async def load_or_make(self: MemorySnapshots, place: Any, subjects: Any) -> Any:
        found = await load(self, place, subjects)
        if not found:
            raise SnapshotAway("it has nothing")
        return found

    def cold(self: Memory, subject: str) -> bool:
        return False

    def get(self: Memory, subject: str) -> Any:
        known, self._known = self._known, type(self._known)()
        try:
            return usual(self, subject)
        finally:
            self._known = known

    usual = Memory.get
    patch.setattr(MemorySnapshots, "load", load_or_make)
    patch.setattr(Memory, "cold", cold)
    patch.setattr(Memory, "get", get)


def asks_for_no_deadlines(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeptDeadlines, "look", lambda self, now: None)


def evicts_what_is_being_saved(patch: pytest.MonkeyPatch) -> None:
    capture = Memory.capture

    def evict(self: Memory) -> Captured:
        captured = capture(self)
        self._saving = captured._replace(aggregates={})
        return captured

    patch.setattr(Memory, "capture", evict)


def forgets_what_is_quarantined(patch: pytest.MonkeyPatch) -> None:
    capture = Memory.capture
    patch.setattr(Memory, "capture", lambda self: capture(self)._replace(quarantined=None))


def folds_without_what_the_snapshot_has(patch: pytest.MonkeyPatch) -> None:
    async def prepare(self: Keeper, records: Sequence[LogRecord]) -> None:
        pass

    patch.setattr(Keeper, "prepare", prepare)


def takes_a_load_from_before_a_reset(patch: pytest.MonkeyPatch) -> None:
    load = ColdLoads._load

    async def load_anyway(self: ColdLoads, subjects: Any) -> None:
        memory = self._memory
        self._memory = _NeverReset(memory)  # type: ignore[assignment]  # it has what is used
        try:
            await load(self, subjects)
        finally:
            self._memory = memory

    patch.setattr(ColdLoads, "_load", load_anyway)


class _NeverReset:
    resets = 0

    def __init__(self, memory: Memory) -> None:
        self.loaded = memory.loaded


SNAPSHOT_PLANTS: tuple[Plant, ...] = (
    saves_what_is_not_acknowledged,
    keeps_no_keys,
    loses_changes_of_a_save_that_failed,
    lets_parked_commands_overtake_each_other,
    takes_the_snapshot_of_another_for_its_own,
    loads_from_any_snapshot,
    keeps_memory_when_the_snapshot_is_lost,
    goes_on_with_a_snapshot_that_is_lost,
    takes_what_is_missing_for_new,
    asks_for_no_deadlines,
    evicts_what_is_being_saved,
    forgets_what_is_quarantined,
    folds_without_what_the_snapshot_has,
    takes_a_load_from_before_a_reset,
)

"""Bugs to plant into the project's own writer. Each must be caught, or the model would prove nothing."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from command_api.fence.claim_term import ClaimTerm
from command_api.fence.fence import Fence, Trespass, control
from command_api.fence.log import OutcomeUnknown, Outgoing
from command_api.fence.log_stream import LogStream
from command_api.group.lease import Lease
from command_api.intent import Intent
from command_api.snapshots.snapshot import Mark
from command_api.writer.batch import BatchMaker
from command_api.writer.committer import Committer
from command_api.writer.deadlines import Deadlines
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Memory
from command_api.writer.timers import Timers
from command_api.writer.writers import Writers
from event_schemas.holder import CLAIMED, Holder, Verdict, judge
from event_schemas.record import LogRecord
from infra.log_batch import Position
from tests.contract.memory_log import MemoryLog

Plant = Callable[[pytest.MonkeyPatch], None]


def acknowledges_without_looking_at_the_base_offset(patch: pytest.MonkeyPatch) -> None:
    async def append(self: Fence, records: Sequence[Outgoing]) -> int:
        mine = self.holder
        self._held = None
        base = await self._log.append(records)
        self.mark, self._held = Mark(Position(base + len(records), mine), ""), mine
        return base

    patch.setattr(Fence, "append", append)


def skips_the_reading_of_gaps(patch: pytest.MonkeyPatch) -> None:
    async def believe(self: Fence, base: int, mine: Holder) -> None:
        pass

    patch.setattr(Fence, "_prove_gap_void", believe)


def ignores_a_higher_claim_in_a_gap(patch: pytest.MonkeyPatch) -> None:
    async def look_away(self: Fence, base: int, mine: Holder) -> None:
        async for records in LogStream(self._log, self.position.next_offset).up_to(base):
            if any(judge(mine, record.headers)[1] is Verdict.COUNTS for record in records):
                raise Trespass("under our claim, but not ours")

    patch.setattr(Fence, "_prove_gap_void", look_away)


def sends_again_after_an_unknown_outcome(patch: pytest.MonkeyPatch) -> None:
    append = MemoryLog.append

    async def insist(self: MemoryLog, records: Sequence[Outgoing]) -> int:
        try:
            return await append(self, records)
        except OutcomeUnknown:
            return await append(self, records)

    patch.setattr(MemoryLog, "append", insist)


def takes_an_unknown_outcome_for_success(patch: pytest.MonkeyPatch) -> None:
    append = MemoryLog.append

    async def hope(self: MemoryLog, records: Sequence[Outgoing]) -> int:
        try:
            return await append(self, records)
        except OutcomeUnknown:
            return await self.end()

    patch.setattr(MemoryLog, "append", hope)


def claims_by_the_end_offset(patch: pytest.MonkeyPatch) -> None:
    async def claim(self: Fence) -> None:
        self._held = None
        await self._read_to(LogStream(self._log, self.position.next_offset), await self._log.end())
        self._may_claim()
        mine = Holder(self.position.holder.epoch + 1, self._fresh_id())
        offset = await self._log.append([control(CLAIMED, mine)])
        self.mark, self._held = Mark(Position(offset + 1, mine), ""), mine

    patch.setattr(Fence, "claim", claim)


def claims_under_the_same_id_again(patch: pytest.MonkeyPatch) -> None:
    make = Fence.__init__

    def make_with_one_id(self: Fence, *args: Any, **settings: Any) -> None:
        make(self, *args, **settings)
        only = self._fresh_id()
        self._fresh_id = lambda: only

    async def claim(self: Fence) -> None:
        await self._read_to(LogStream(self._log, self.position.next_offset), await self._log.end())
        self._may_claim()
        mine = Holder(self.position.holder.epoch + 1, self._fresh_id())
        await self._log.append([control(CLAIMED, mine)])
        self._held = mine

    patch.setattr(Fence, "__init__", make_with_one_id)
    patch.setattr(Fence, "claim", claim)


def answers_refusals_without_lease_or_beat(patch: pytest.MonkeyPatch) -> None:
    prove = Committer._prove

    async def trust(self: Committer, batch: Any) -> int:
        return await prove(self, batch) if batch.records else self._fence.position.next_offset - 1

    patch.setattr(Committer, "_prove", trust)


def takes_the_lease_of_any_assignment(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "term", lambda self: int(self.valid()))


def claims_without_a_lease(patch: pytest.MonkeyPatch) -> None:
    may_claim = ClaimTerm.may_claim
    patch.setattr(ClaimTerm, "may_claim", lambda self: may_claim(self) or True)


def forgets_keys_at_a_take_over(patch: pytest.MonkeyPatch) -> None:
    fold = Memory.fold

    def forget(self: Memory, record: LogRecord) -> None:
        keys, self._keys = self._keys, KeyWindow(24, 1)
        fold(self, record)
        self._keys = keys

    patch.setattr(Memory, "fold", forget)


def checks_no_expected_version(patch: pytest.MonkeyPatch) -> None:
    submit = Writers.submit
    patch.setattr(Writers, "submit", lambda self, intent: submit(self, _whatever_version(intent)))


def _whatever_version(intent: Intent) -> Intent:
    return intent._replace(expected_version=None)


def keeps_what_did_not_happen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BatchMaker, "undo", lambda self, batch: None)


def forgets_deadlines_at_a_take_over(patch: pytest.MonkeyPatch) -> None:
    fold = Memory.fold

    def forget(self: Memory, record: LogRecord) -> None:
        deadlines, self.deadlines = self.deadlines, Deadlines()
        fold(self, record)
        self.deadlines = deadlines

    patch.setattr(Memory, "fold", forget)


def fires_deadlines_by_the_clock_of_tomorrow(patch: pytest.MonkeyPatch) -> None:
    fire = Timers.fire
    patch.setattr(Timers, "fire", lambda self, now: fire(self, now + timedelta(days=1)))


PLANTS: tuple[Plant, ...] = (
    acknowledges_without_looking_at_the_base_offset,
    skips_the_reading_of_gaps,
    ignores_a_higher_claim_in_a_gap,
    sends_again_after_an_unknown_outcome,
    takes_an_unknown_outcome_for_success,
    claims_by_the_end_offset,
    claims_under_the_same_id_again,
    answers_refusals_without_lease_or_beat,
    takes_the_lease_of_any_assignment,
    claims_without_a_lease,
    forgets_keys_at_a_take_over,
    checks_no_expected_version,
    keeps_what_did_not_happen,
    forgets_deadlines_at_a_take_over,
    fires_deadlines_by_the_clock_of_tomorrow,
)

"""Retries parked records after a fix: the records of a key in their order, until one cannot be applied again.

What is applied is taken out in the same step, and counted in the partition's position, so that a running worker learns
that the key is free before it commits again. A try that is killed has done nothing, or all of one portion.
"""

import asyncio
from collections.abc import AsyncIterator, Container, Sequence
from typing import Any, NamedTuple, Protocol

from event_schemas.codec import UndecodableEvent
from event_schemas.record import LogRecord, Recorded
from infra.log_batch import START, Batch
from projectors.stores.sorting import Decode, Sorting
from projectors.stores.store import GenerationMoved, Parked, Place, PositionMoved, SwitchUnderWay

PORTION = 1_000
"""Records that are tried in one step."""
AGAIN_SECONDS = 0.02


class ParkedIncomplete(UndecodableEvent):
    """A release before retries has parked the record, without its append time: only a rebuild applies it."""

    code = "parked_incomplete"


class Portion(NamedTuple):
    """Parked records of one partition that were tried together."""

    done: tuple[Parked, ...]
    """Applied, and parked no more."""
    failed: tuple[Parked, ...]
    """The first of a key each, which could not be applied again, with its new error."""
    waiting: tuple[Parked, ...]
    """Those behind them, which were not tried."""
    dropped: tuple[Parked, ...]
    """Given up by an operator: not applied, and parked no more."""
    last_offset: int

    def outcome(self) -> dict[str, Any]:
        """For the audit trail: offsets, and errors by offset."""
        dropped = {"dropped": [one.record.offset for one in self.dropped]} if self.dropped else {}
        return {
            **dropped,
            "applied": [one.record.offset for one in self.done],
            "failed": {str(one.record.offset): f"{one.code}: {one.error}" for one in self.failed},
        }


class Redriven(NamedTuple):
    """What a retry did, in records."""

    done: int = 0
    failed: int = 0
    waiting: int = 0
    dropped: int = 0


class Redrive(Protocol):
    """The parked records of one generation of a projection: of the one that serves, or of one that is being filled."""

    async def load(self) -> list[int]:
        """Find the generation; gives the partitions. Raises ``RebuildNeeded`` when other code made it,
        ``GenerationMoved`` when it is not being filled any more, or ``StoreDamaged``.
        """

    async def retry(self, partition: int, after: int, key: str | None, held: frozenset[str]) -> Portion | None:
        """Try the next ``PORTION`` behind the offset ``after``, of one key or of all; None when there are no more.

        Keys in ``held`` are not tried. Raises ``NotCommitted`` when nothing was done because something moved.
        """


def sorted_again(parked: Sequence[Parked], held: frozenset[str], decode: Decode, voided: Container[Place]) -> Sorting:
    """Parked records of one partition as a batch that was just read."""

    def complete(record: LogRecord) -> Recorded:
        if not record.appended_ms:
            raise ParkedIncomplete("parked by an older release: rebuild the projection instead")
        return decode(record)

    first = parked[0].record
    records = [one.record for one in parked]
    return Sorting([Batch(first.topic, first.partition, records, START, START, 0)], held, complete, voided)


def portion_of(parked: Sequence[Parked], sorting: Sorting, voided: Container[Place]) -> Portion:
    """What became of parked records once all that could be applied of their sorting was."""
    left = {one.record.offset: one for one in sorting.parked}
    again = [(one, left[one.record.offset]) for one in parked if one.record.offset in left]
    return Portion(
        tuple(one for one in parked if one.record.offset not in left and one.at not in voided),
        tuple(new._replace(attempts=old.attempts + 1) for old, new in again if new.code != "queued_behind"),
        tuple(old for old, new in again if new.code == "queued_behind"),
        tuple(one for one in parked if one.at in voided),
        parked[-1].record.offset,
    )


async def retry(redrive: Redrive, key: str | None = None) -> Redriven:
    """Retry the parked records of a key, or of all keys. May run beside workers, and beside another retry.

    Raises ``NotCommitted`` when the projection has no tables, ``RebuildNeeded`` or ``StoreDamaged``; what was applied
    until then stays so.
    """
    total = Redriven()
    while True:
        partitions = await redrive.load()
        try:
            for partition in partitions:
                async for portion in _portions(redrive, partition, key):
                    total = Redriven(*(sum(pair) for pair in zip(total, map(len, portion[:4]), strict=True)))
        except GenerationMoved:
            # The one that serves now has parked records of its own, of any partition.
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return total


async def _portions(redrive: Redrive, partition: int, key: str | None) -> AsyncIterator[Portion]:
    after, held = -1, frozenset[str]()
    while True:
        try:
            portion = await redrive.retry(partition, after, key, held)
        except (PositionMoved, SwitchUnderWay):
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        if portion is None:
            return
        after, held = portion.last_offset, held | {one.key for one in portion.failed}
        yield portion

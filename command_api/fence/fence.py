"""One writer's hold on one partition: claim it, append under the claim, and notice when somebody else has claimed.

This is the protocol of docs/architecture.md, "The write path": Kafka has no conditional append, so the log itself
fences its writers. What is acknowledged here is in the history for ever; what is refused as ``Deposed`` never happened.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from command_api.fence.log import Log, OutcomeUnknown, Outgoing
from command_api.fence.log_stream import LogSilent, LogStream
from command_api.snapshots.snapshot import BEGINNING, Mark
from event_schemas.envelope import Headers
from event_schemas.holder import BEAT, CLAIMED, Holder, Verdict, judge
from event_schemas.record import LogRecord
from infra.log_batch import LogTruncated, Position

Fold = Callable[[LogRecord], None]
"""Takes each record that counts, in order."""
Prepare = Callable[[Sequence[LogRecord]], Awaitable[None]]
"""Takes records before they are folded, those too that do not count: the time to fetch what folding them needs."""
Reached = Callable[[Mark], Awaitable[None]]
"""Told how far has been folded."""


class Deposed(Exception):
    """Another writer has claimed the partition: nothing of the batch happened, memory may not answer."""


class ClaimUntimely(OutcomeUnknown):
    """This writer may not claim at the moment; it may try again."""


class Trespass(OutcomeUnknown):
    """A record under our own claim that we did not append: forged, or a mistake of ours. It counts, for every reader.

    The hold is given up: the next claim folds the record and has another id, so whoever wrote it is fenced out.
    """


class NotHeld(Exception):
    """There is no claim to append under; ``claim`` comes first."""


async def nothing(_: object) -> None:
    """What is prepared, or done, where there is nothing to."""


class Fence:
    """The hold on one partition. Not for concurrent use: one task claims and appends.

    ``fold`` gets every event that counts and that this writer did not append itself, so that its memory follows the
    log. ``may_claim`` is asked before anything is read for a claim, and again just before it is sent. ``mark`` is where
    the history known here ends.
    """

    def __init__(
        self,
        log: Log,
        fold: Fold,
        fresh_id: Callable[[], str] = lambda: str(uuid4()),
        may_claim: Callable[[], bool] = lambda: True,
        prepare: Prepare = nothing,
        reached: Reached = nothing,
    ) -> None:
        self._log = log
        self._fold = fold
        self._fresh_id = fresh_id
        self._may_claim = may_claim
        self._prepare = prepare
        self._reached = reached
        self._held: Holder | None = None
        self._unproven = False
        self.mark = BEGINNING

    @property
    def position(self) -> Position:
        """The offset after the history known here, and who holds the partition there."""
        return self.mark.position

    def start_at(self, mark: Mark) -> None:
        """Take what lies before ``mark`` as known; the next claim proves that it is of this log."""
        self._held = None
        self._unproven = mark != BEGINNING
        self.mark = mark

    @property
    def holder(self) -> Holder:
        """The claim under which this writer appends. Raises ``NotHeld`` when there is none."""
        if self._held is None:
            raise NotHeld(f"{self._log.topic}/{self._log.partition} is not held")
        return self._held

    @property
    def holds(self) -> bool:
        """True from a claim that took hold to the first sign that it may not hold any more."""
        return self._held is not None

    def give_up(self) -> None:
        """Hold no more, until the next claim."""
        self._held = None

    async def claim(self) -> None:
        """Take the partition: read what is known to be there, claim above it, and read on until the claim is seen at
        its own offset. Where another claim came first, start again under a fresh id.

        Raises ``OutcomeUnknown`` (try again: the old claim may still land, the next has another id), ``ClaimUntimely``
        (nothing was sent), ``LogBroken``, or what ``prepare`` and ``reached`` raise (what was read stays known).
        """
        self._held = None
        self._check_timely()
        stream = LogStream(self._log, self.position.next_offset - self._unproven)
        async with contextlib.aclosing(stream):
            if self._unproven:
                await self._prove(stream)
            else:
                await self._read_to(stream, await self._log.end())
            while True:
                self._check_timely()
                mine = Holder(self.position.holder.epoch + 1, self._fresh_id())
                offset = await self._log.append([control(CLAIMED, mine)])
                if offset < self.position.next_offset:
                    raise LogTruncated(f"{self._place(offset)}: a claim landed in known history")
                await self._read_to(stream, offset)
                before = self.position.holder
                await self._read_to(stream, offset + 1)
                if before != mine and self.position.holder == mine:
                    self._held = mine
                    return

    def _check_timely(self) -> None:
        if not self._may_claim():
            raise ClaimUntimely(f"{self._log.topic}/{self._log.partition} is not ours to claim at the moment")

    async def _prove(self, stream: LogStream) -> None:
        """Show that the last record before ``mark`` is still the one that was there, wherever the mark comes from.

        What came since is not looked for: whoever was the last to keep a mark was most likely the last to hold.
        """
        try:
            async for records in stream.up_to(self.position.next_offset):
                if id_of(records[-1]) != self.mark.last_id:
                    raise LogTruncated(f"{self._place(records[-1].offset)} is not the record that was there")
        except LogSilent:
            # Where the log ends just before the record, a reader waits for it as for any that is yet to come.
            if (end := await self._log.end()) < self.position.next_offset:
                raise LogTruncated(f"{self._place(end)} is the end; known history reaches further") from None
            raise
        self._unproven = False

    def _place(self, offset: int) -> str:
        return f"{self._log.topic}/{self._log.partition}@{offset}"

    async def append(self, records: Sequence[Outgoing]) -> int:
        """Append events or a beat made under ``holder`` and give the offset of the first, once they count.

        Raises ``OutcomeUnknown`` (they may be in the log or land later; the hold is given up), ``Deposed`` (they never
        happened), ``Trespass`` (they are in the log, after a record that nobody should have written), or ``LogBroken``.
        """
        mine, expected = self.holder, self.position.next_offset
        self._held = None
        base = await self._log.append(records)
        if base < expected:
            raise LogTruncated(f"{self._place(base)}: appended there, known history reaches to {expected}")
        if base > expected:
            await self._prove_gap_void(base, mine)
        self.mark = Mark(Position(base + len(records), mine), id_of(records[-1]))
        self._held = mine
        return base

    async def _prove_gap_void(self, base: int, mine: Holder) -> None:
        """Read what others wrote before ``base``: records of outdated writers change nothing."""
        async with contextlib.aclosing(LogStream(self._log, self.position.next_offset)) as stream:
            async for record in (record async for records in stream.up_to(base) for record in records):
                holder, verdict = judge(mine, record.headers)
                if holder != mine:
                    raise Deposed(f"another writer claimed at {self._place(record.offset)}")
                if verdict is not Verdict.VOID:
                    raise Trespass(f"{self._place(record.offset)} is under our claim, but not ours")

    async def _read_to(self, stream: LogStream, end: int) -> None:
        """Fold what counts up to ``end``. Nothing can come between the records of a chunk and the new mark."""
        async for records in stream.up_to(end):
            await self._prepare(records)
            holder = self.position.holder
            for record in records:
                holder, verdict = judge(holder, record.headers)
                if verdict is Verdict.COUNTS:
                    self._fold(record)
            self.mark = Mark(Position(records[-1].offset + 1, holder), id_of(records[-1]))
            await self._reached(self.mark)
            await asyncio.sleep(0)


def id_of(record: LogRecord | Outgoing) -> str:
    """The ``ce_id`` of a record, empty when it has none."""
    found = next((value for name, value in record.headers if name == "ce_id"), b"")
    return found.decode(errors="surrogateescape")


def control(kind: str, holder: Holder) -> Outgoing:
    """A record that is no event: a claim of ``holder``, or its beat."""
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid4()).encode()),
        ("ce_type", kind.encode()),
        ("ce_source", b"/command_api"),
        ("ce_writer", holder.writer.encode()),
        ("ce_epoch", b"%d" % holder.epoch),
        ("content-type", b"application/json"),
    ]
    return Outgoing(holder.writer.encode(), b"{}", headers)


def beat(holder: Holder) -> Outgoing:
    """A no-op record: once it counts, its writer held the partition up to there."""
    return control(BEAT, holder)

"""One group commit: commands decided one after the other, each on the state that the one before left."""

import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from command_api.fence.log import MAX_BATCH_BYTES, Outgoing
from command_api.intent import Answer, Intent, Pending
from command_api.refusals import Abandoned, CommandTooLarge, KeyReused, Refused, VersionConflict
from command_api.writer.aggregate import Versioned
from command_api.writer.key_segment import Remembered
from command_api.writer.memory import Cold, Memory
from command_api.writer.parking import Parking
from command_api.writer.records import outgoing
from domain.decider import Decider
from domain.rejected import Rejected
from event_schemas.event import Event
from event_schemas.holder import Holder
from infra.http.problems import InternalError, Problem

logger = structlog.get_logger(__name__)

MAX_COMMANDS = 250
"""The most commands decided in one go, so that other partitions and requests get their turn."""


class Decided(NamedTuple):
    """A command with what was decided: events, or a refusal, or an answer from memory."""

    pending: Pending
    events: tuple[Event, ...] = ()
    after: Versioned = Versioned(0, None)
    first_record: int = 0
    outcome: Problem | Answer | None = None


class GroupCommit:
    """Commands decided together, the records to append for them, and the way back if they do not arrive."""

    def __init__(self) -> None:
        self.decided: list[Decided] = []
        self.records: list[Outgoing] = []
        self.bytes = 0
        self.before: dict[str, Versioned] = {}
        """The acknowledged state of each aggregate that the batch changes."""


def recall(memory: Memory, subject: str, command_id: str, fingerprint: str) -> Answer | None:
    """The first answer to a command on ``subject`` that was carried out already, None if it was not.

    Raises ``KeyReused`` when its key belongs to another request.
    """
    known = memory.recall(subject, command_id)
    if known is None:
        return None
    if known.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key was used for another request; take a new one.")
    return Answer(
        subject=known.subject,
        version=known.version,
        topic=known.topic,
        partition=known.partition,
        offset=known.last_offset,
        first_offset=known.first_offset,
        replayed=True,
    )


class BatchMaker:
    """Makes group commits of one partition, and settles them when they have arrived or not. ``parking`` takes commands
    whose aggregates are not in memory."""

    def __init__(self, topic: str, partition: int, decider: Decider[Any], memory: Memory, parking: Parking) -> None:
        self._topic = topic
        self._partition = partition
        self._decider = decider
        self._memory = memory
        self._parking = parking

    def make(self, queue: deque[Pending], holder: Holder, now: datetime) -> GroupCommit:
        """Decide as many of the queued commands as fit into one batch; a command's events are never split.

        A command that has waited long is dropped when its client has left: it has not been decided.
        """
        batch = GroupCommit()
        started = time.monotonic()
        while queue and len(batch.decided) < MAX_COMMANDS:
            pending = queue[0]
            if pending.future.done():
                pass
            elif pending.abandoned(started):
                pending.future.set_exception(Abandoned("Its client has left; nothing was done."))
            elif pending.intent.command.aggregate_id in self._parking:
                self._parking.park(pending)
            else:
                try:
                    decided = self._decide(batch, pending, holder, now)
                except Cold:
                    self._parking.park(pending)
                else:
                    if decided is None:
                        break
                    batch.decided.append(decided)
            queue.popleft()
        return batch

    def _decide(self, batch: GroupCommit, pending: Pending, holder: Holder, now: datetime) -> Decided | None:
        """What follows from a command; None when its events do not fit into this batch any more. Raises ``Cold``."""
        intent = pending.intent
        subject = intent.command.aggregate_id
        try:
            recalled = recall(self._memory, subject, intent.command_id, intent.fingerprint)
            if recalled is not None:
                return Decided(pending, outcome=recalled)
            before = self._memory.get(subject)
            if intent.expected_version is not None and intent.expected_version != before.version:
                detail = f"The version is {before.version}, not {intent.expected_version}."
                raise VersionConflict(detail, before.version)
            events = self._events(before, intent)
            if intent.must_exist and not before.version:
                raise VersionConflict("There is none yet.", 0)
            records = outgoing(intent, events, before, holder, now)
            after = self._memory.evolve(before, events)
        except Problem as problem:
            return Decided(pending, outcome=problem)
        except Cold:
            raise
        except Exception:
            logger.exception("a decision failed", command=intent.command.model_dump(mode="json"))
            return Decided(pending, outcome=InternalError())
        if not events:
            return Decided(pending, after=before, first_record=len(batch.records))
        size = sum(record.size for record in records)
        if size > MAX_BATCH_BYTES:
            detail = f"Its events take {size} bytes; a batch of the log holds {MAX_BATCH_BYTES}."
            return Decided(pending, outcome=CommandTooLarge(detail, before.version))
        if batch.bytes + size > MAX_BATCH_BYTES:
            return None
        batch.before.setdefault(subject, before)
        self._memory.put(subject, after)
        first = len(batch.records)
        batch.records.extend(records)
        batch.bytes += size
        return Decided(pending, events, after, first)

    def _events(self, before: Versioned, intent: Intent) -> tuple[Event, ...]:
        try:
            return tuple(self._decider.decide(before.state, intent.command))
        except Rejected as rejected:
            raise Refused(rejected, before.version) from rejected

    def undo(self, batch: GroupCommit) -> None:
        """Put the aggregates back to what is acknowledged."""
        for subject, before in batch.before.items():
            self._memory.put(subject, before)

    def settle(self, batch: GroupCommit, base: int) -> None:
        """Answer the commands of a batch that counts from offset ``base`` on, and remember their keys."""
        now_ms = int(time.time() * 1000)
        for decided in batch.decided:
            outcome = decided.outcome or self._answer(decided, base, now_ms)
            if decided.pending.future.done():
                continue
            if isinstance(outcome, Problem):
                decided.pending.future.set_exception(outcome)
            else:
                decided.pending.future.set_result(outcome)

    def _answer(self, decided: Decided, base: int, now_ms: int) -> Answer:
        intent, first = decided.pending.intent, base + decided.first_record
        # What appended nothing was decided on all that stands before it in the batch.
        last = max(base, first + len(decided.events) - 1)
        if decided.events:
            remembered = Remembered(
                intent.fingerprint,
                intent.command.aggregate_id,
                decided.after.version,
                self._topic,
                self._partition,
                first,
                last,
                now_ms,
            )
            self._memory.acknowledge(intent.command_id, remembered, decided.after.state)
        return Answer(
            subject=intent.command.aggregate_id,
            version=decided.after.version,
            topic=self._topic,
            partition=self._partition,
            offset=last,
            first_offset=first,
            events=decided.events,
            state=decided.after.state,
        )


def changes(batch: GroupCommit) -> "Sequence[Decided]":
    """The decided commands that changed something, in order."""
    return [decided for decided in batch.decided if decided.events]

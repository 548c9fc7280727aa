"""What was read of a partition, between two positions: proves that no offset was skipped, and applies the rule of the
holder. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from event_schemas.holder import NOBODY, Holder, Verdict, judge
from event_schemas.record import LogRecord


class Position(NamedTuple):
    """Where a reader stands in a partition: the next offset, and who holds the partition just before it."""

    next_offset: int
    holder: Holder = NOBODY


START = Position(0, NOBODY)
"""The position of a reader that has read nothing."""


class LogBroken(Exception):
    """The log is not what a position was taken from. Nothing is guessed: the reader stops and says where."""

    code = "log_broken"


class LogTruncated(LogBroken):
    """The stored offset is not in the log any more, or lies beyond its end."""

    code = "log_truncated"


class OffsetSkipped(LogBroken):
    """A record came with another offset than the next one, so an event would be lost."""

    code = "offset_skipped"


class Batch(NamedTuple):
    """What was read of one partition: the records that count, and the position after all that was read."""

    topic: str
    partition: int
    records: list[LogRecord]
    before: Position
    after: Position
    void: int
    """Records that never happened."""
    void_records: Sequence[LogRecord] = ()
    """Those records, for whoever wants to see them."""


def sift(topic: str, partition: int, before: Position, records: Iterable[LogRecord]) -> Batch:
    """Apply the rule of the holder to records that follow ``before``.

    Raises ``OffsetSkipped`` when they do not follow it without a gap.
    """
    counted: list[LogRecord] = []
    next_offset, holder = before
    void: list[LogRecord] = []
    for record in records:
        if record.offset != next_offset:
            raise OffsetSkipped(f"{topic}/{partition}: expected offset {next_offset}, got {record.offset}")
        next_offset += 1
        holder, verdict = judge(holder, record.headers)
        if verdict is Verdict.COUNTS:
            counted.append(record)
        elif verdict is Verdict.VOID:
            void.append(record)
    return Batch(topic, partition, counted, before, Position(next_offset, holder), len(void), void)

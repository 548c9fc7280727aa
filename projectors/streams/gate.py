"""Lets through what follows a position without a gap. Pure.

Faust may hand over records again, and after a rebalance records that were fetched before its reader was set; the
position that lies in the table alone says what has been applied. What is behind it is passed over, and so is what is
ahead, which comes again in its turn.
"""

from collections.abc import Iterable

from event_schemas.record import LogRecord


def passed(next_offset: int, records: Iterable[LogRecord]) -> list[LogRecord]:
    """Those of `records` that go on from `next_offset` one by one."""
    taken: list[LogRecord] = []
    for record in records:
        if record.offset == next_offset:
            taken.append(record)
            next_offset += 1
    return taken

"""Lets through what follows a position without a gap. Pure.

Faust's committed offset may be behind the tables or ahead of them; the position that lies in the tables alone says
what has been applied. What is behind it is passed over, what is ahead is refused, and the reader set back.
"""

from collections.abc import Iterable
from typing import NamedTuple

from event_schemas.record import LogRecord


class Passed(NamedTuple):
    """The records that follow the position, and whether others had to be refused since some are missing before them."""

    records: list[LogRecord]
    is_ahead: bool


def passed(next_offset: int, records: Iterable[LogRecord]) -> Passed:
    """Those of `records` that go on from `next_offset` one by one."""
    taken: list[LogRecord] = []
    is_ahead = False
    for record in records:
        if record.offset == next_offset:
            taken.append(record)
            next_offset += 1
        elif record.offset > next_offset:
            is_ahead = True
    return Passed(taken, is_ahead)

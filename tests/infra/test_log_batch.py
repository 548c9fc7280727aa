"""What a reader makes of the records behind its position."""

import pytest

from event_schemas.holder import CLAIMED, Holder
from event_schemas.record import LogRecord
from infra.log_batch import START, OffsetSkipped, Position, sift


def record(offset: int, kind: str, by: Holder) -> LogRecord:
    told = {"ce_type": kind, "ce_writer": by.writer, "ce_epoch": str(by.epoch)}
    return LogRecord("stock", 3, offset, 0, b"S", b"{}", [(name, value.encode()) for name, value in told.items()])


FIRST, SECOND = Holder(1, "a"), Holder(2, "b")
LOG = [
    record(0, CLAIMED, FIRST),
    record(1, "stock.received.v1", FIRST),
    record(2, CLAIMED, SECOND),
    record(3, "stock.received.v1", FIRST),
    record(4, "stock.received.v1", SECOND),
]


def test_only_the_holders_records_count_and_the_others_are_told_as_void() -> None:
    batch = sift("stock", 3, START, LOG)
    assert ([one.offset for one in batch.records], [one.offset for one in batch.void_records]) == ([1, 4], [3])
    assert (batch.before, batch.after, batch.void) == (START, Position(5, SECOND), 1)


@pytest.mark.parametrize("cut", range(len(LOG) + 1))
def test_two_batches_come_to_what_one_does_wherever_it_is_cut(cut: int) -> None:
    first = sift("stock", 3, START, LOG[:cut])
    then = sift("stock", 3, first.after, LOG[cut:])
    whole = sift("stock", 3, START, LOG)
    assert (first.records + then.records, then.after) == (whole.records, whole.after)


@pytest.mark.parametrize("gone", range(len(LOG) - 1))
def test_a_record_that_is_missing_stops_the_reader_at_its_offset(gone: int) -> None:
    with pytest.raises(OffsetSkipped, match=f"stock/3: expected offset {gone}, got {gone + 1}"):
        sift("stock", 3, START, LOG[:gone] + LOG[gone + 1 :])

"""The gate: everything once, in order, whatever the reader's offsets."""

from hypothesis import given
from hypothesis import strategies as st

from event_schemas.record import LogRecord
from projectors.streams.gate import passed


def records(*offsets: int) -> list[LogRecord]:
    return [LogRecord("orders", 0, offset, 0, b"k", b"{}", []) for offset in offsets]


def offsets(taken: list[LogRecord]) -> list[int]:
    return [record.offset for record in taken]


def test_what_is_behind_is_passed_over() -> None:
    assert offsets(passed(5, records(3, 4, 5, 6))) == [5, 6]


def test_what_is_ahead_is_refused_until_the_missing_has_come() -> None:
    assert not passed(5, records(8, 9))
    assert offsets(passed(5, records(8, 9, 5, 6, 7, 8))) == [5, 6, 7, 8]


@given(st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=20))
def test_only_a_dense_run_ever_passes(reads: list[list[int]]) -> None:
    position, taken = 0, list[int]()
    for read in reads:
        found = passed(position, records(*read))
        taken += offsets(found)
        position += len(found)
    assert taken == list(range(position))

"""The rule of the log: which records count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_schemas.holder import BEAT, CLAIMED, NOBODY, Holder, Verdict, judge

EVENT = "order.placed.v1"
Record = tuple[str, str, int]


def headers(record: Record) -> list[tuple[str, bytes]]:
    kind, writer, epoch = record
    return [("ce_type", kind.encode()), ("ce_writer", writer.encode()), ("ce_epoch", b"%d" % epoch)]


def read(records: list[Record], holder: Holder = NOBODY) -> tuple[Holder, list[Verdict]]:
    verdicts = []
    for record in records:
        holder, verdict = judge(holder, headers(record))
        verdicts.append(verdict)
    return holder, verdicts


def test_nothing_counts_before_the_first_claim() -> None:
    assert read([(EVENT, "a", 1), (EVENT, "", 0), (BEAT, "a", 1)]) == (NOBODY, [Verdict.VOID] * 3)


def test_what_the_holder_appends_counts() -> None:
    holder, verdicts = read([(CLAIMED, "a", 1), (EVENT, "a", 1), (BEAT, "a", 1), (EVENT, "a", 1)])
    assert holder == Holder(1, "a")
    assert verdicts == [Verdict.CONTROL, Verdict.COUNTS, Verdict.CONTROL, Verdict.COUNTS]


def test_a_higher_claim_deposes_and_the_deposed_writers_records_are_void() -> None:
    holder, verdicts = read([(CLAIMED, "a", 1), (CLAIMED, "b", 2), (EVENT, "a", 1), (BEAT, "a", 1), (EVENT, "b", 2)])
    assert holder == Holder(2, "b")
    assert verdicts == [Verdict.CONTROL, Verdict.CONTROL, Verdict.VOID, Verdict.VOID, Verdict.COUNTS]


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_claim_that_is_not_above_the_holders_takes_nothing(epoch: int) -> None:
    assert read([(CLAIMED, "a", 2), (CLAIMED, "b", epoch)]) == (Holder(2, "a"), [Verdict.CONTROL, Verdict.VOID])


def test_the_first_of_two_claims_with_one_epoch_holds() -> None:
    holder, verdicts = read([(CLAIMED, "a", 1), (CLAIMED, "b", 1), (EVENT, "b", 1), (EVENT, "a", 1)])
    assert holder == Holder(1, "a")
    assert verdicts[2:] == [Verdict.VOID, Verdict.COUNTS]


@pytest.mark.parametrize("record", [(EVENT, "a", 2), (EVENT, "b", 1), (EVENT, "a", 0)])
def test_writer_and_epoch_must_both_be_the_holders(record: Record) -> None:
    assert read([(CLAIMED, "a", 1), record])[1][1] is Verdict.VOID


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [("ce_type", EVENT.encode()), ("ce_writer", b"a")],
        [("ce_type", EVENT.encode()), ("ce_epoch", b"1")],
        [("ce_writer", b"a"), ("ce_epoch", b"1")],
        [("ce_type", EVENT.encode()), ("ce_writer", b"a"), ("ce_epoch", b"one")],
        [("ce_type", EVENT.encode()), ("ce_writer", b"a"), ("ce_epoch", b"-1")],
        [("ce_type", EVENT.encode()), ("ce_writer", b"a"), ("ce_epoch", None)],
        [("ce_type", CLAIMED.encode()), ("ce_writer", b"b"), ("ce_epoch", b"9" * 5_000)],
        [("ce_type", CLAIMED.encode()), ("ce_writer", b"\xff"), ("ce_epoch", b"2")],
        [("ce_type", CLAIMED.encode()), ("ce_writer", b"b\x00"), ("ce_epoch", b"2")],
        [("ce_type", CLAIMED.encode()), ("ce_writer", b""), ("ce_epoch", b"2")],
    ],
)
def test_a_record_whose_headers_cannot_be_read_is_void(broken: list[tuple[str, bytes]]) -> None:
    assert judge(Holder(1, "a"), broken) == (Holder(1, "a"), Verdict.VOID)


RECORDS = st.lists(
    st.tuples(st.sampled_from([CLAIMED, BEAT, EVENT, EVENT]), st.sampled_from("abc"), st.integers(0, 4)), max_size=30
)


@given(RECORDS, st.integers(0, 30))
def test_a_reader_that_starts_in_the_middle_with_the_stored_holder_sees_the_same_history(
    records: list[Record], middle: int
) -> None:
    whole = read(records)
    stored, before = read(records[:middle])
    holder, after = read(records[middle:], stored)
    assert (holder, before + after) == whole


@given(RECORDS)
def test_the_holder_is_the_writer_of_the_first_claim_with_the_highest_epoch(records: list[Record]) -> None:
    claims = [
        (epoch, -place, writer) for place, (kind, writer, epoch) in enumerate(records) if kind == CLAIMED and epoch
    ]
    epoch, _, writer = max(claims, default=(0, 0, ""))
    assert read(records)[0] == Holder(epoch, writer)


@given(RECORDS)
def test_void_records_can_be_left_out_without_changing_what_happened(records: list[Record]) -> None:
    holder, verdicts = read(records)
    kept = [record for record, verdict in zip(records, verdicts, strict=True) if verdict is not Verdict.VOID]
    assert read(kept) == (holder, [verdict for verdict in verdicts if verdict is not Verdict.VOID])

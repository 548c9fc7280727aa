"""A record is given up once for a projection, and stays so."""

from domain.voided import VOIDED_RECORD, VoidRecord
from event_schemas.operations import RecordVoided
from tests.support.spec import given

VOID = VoidRecord(
    projection="sales", record_topic="orders", record_partition=3, record_offset=17, key="o1", reason="a test order"
)
VOIDED = RecordVoided(
    record_id="orders/3@17/sales",
    projection="sales",
    record_topic="orders",
    record_partition=3,
    record_offset=17,
    key="o1",
    reason="a test order",
)


def test_a_record_is_voided_for_one_projection_with_its_reason() -> None:
    assert VOID.aggregate_id == VOIDED.record_id
    assert given(VOIDED_RECORD).when(VOID).then(VOIDED).reason == "a test order"


def test_to_void_it_again_changes_nothing_whatever_the_reason() -> None:
    given(VOIDED_RECORD, VOIDED).when(VOID).then_nothing()
    given(VOIDED_RECORD, VOIDED).when(VOID.model_copy(update={"reason": "another"})).then_nothing()


def test_the_same_record_of_another_projection_is_another_one() -> None:
    assert VOID.model_copy(update={"projection": "stock"}).aggregate_id != VOID.aggregate_id

"""What a SKU's stock ledger answers to each command."""

import pytest

from domain.rejected import InsufficientStock, ReservationNotFound
from domain.stock_commands import AdjustStock, CountStock, ReceiveStock, ReleaseReservation, ReserveStock, ShipReserved
from domain.stock_item import STOCK_ITEM
from domain.stock_item_state import REMEMBERED_CLOSURES, Level
from event_schemas.stock import (
    AdjustmentReason,
    Purpose,
    RejectionReason,
    ReleaseReason,
    StockAdjusted,
    StockCounted,
    StockReceived,
    StockReleased,
    StockReservationRejected,
    StockReserved,
    StockShipped,
)
from tests.support.spec import given


def received(quantity: int, warehouse_id: str = "MAIN", reference: str | None = None) -> StockReceived:
    return StockReceived(sku="A", warehouse_id=warehouse_id, quantity=quantity, reference=reference)


def reserve(number: int, quantity: int) -> ReserveStock:
    return ReserveStock(
        sku="A", reservation_id=f"r{number}", purpose=Purpose.SALE, ref_id=f"order-{number}", quantity=quantity
    )


def reserved(number: int, quantity: int, warehouse_id: str = "MAIN") -> StockReserved:
    return StockReserved(
        sku="A",
        reservation_id=f"r{number}",
        purpose=Purpose.SALE,
        ref_id=f"order-{number}",
        warehouse_id=warehouse_id,
        quantity=quantity,
    )


def refused(number: int, requested: int, available: int, reason: RejectionReason) -> StockReservationRejected:
    return StockReservationRejected(
        sku="A",
        reservation_id=f"r{number}",
        purpose=Purpose.SALE,
        ref_id=f"order-{number}",
        requested=requested,
        available=available,
        reason=reason,
    )


def release(number: int) -> ReleaseReservation:
    return ReleaseReservation(sku="A", reservation_id=f"r{number}", reason=ReleaseReason.CANCELLED)


def released(number: int, quantity: int, reason: ReleaseReason = ReleaseReason.CANCELLED) -> StockReleased:
    return StockReleased(
        sku="A",
        reservation_id=f"r{number}",
        warehouse_id="MAIN",
        purpose=Purpose.SALE,
        ref_id=f"order-{number}",
        quantity=quantity,
        reason=reason,
    )


MARK = StockReleased(sku="A", reservation_id="r1", quantity=0, reason=ReleaseReason.CANCELLED)
SHIP = ShipReserved(sku="A", reservation_id="r1", shipment_id="s1")
SHIPPED = StockShipped(
    sku="A", reservation_id="r1", warehouse_id="MAIN", ref_id="order-1", quantity=2, shipment_id="s1"
)


def test_goods_that_arrive_can_be_promised() -> None:
    state = given(STOCK_ITEM).when(ReceiveStock(sku="A", quantity=5)).then(received(5))
    assert state.available == 5


def test_a_second_delivery_under_one_reference_is_received_too() -> None:
    again = ReceiveStock(sku="A", quantity=5, reference="note 7")
    given(STOCK_ITEM, received(5, reference="note 7")).when(again).then(received(5, reference="note 7"))


def test_the_initial_stock_of_a_product_is_received_once_in_each_warehouse() -> None:
    initial = ReceiveStock(sku="A", quantity=5, reference="initial:p1")
    history = given(STOCK_ITEM, received(5, reference="initial:p1"))
    history.when(initial).then_nothing()
    history.when(initial.model_copy(update={"warehouse_id": "NORTH"})).then(received(5, "NORTH", "initial:p1"))


def test_a_promise_takes_from_what_is_available() -> None:
    state = given(STOCK_ITEM, received(5)).when(reserve(1, 3)).then(reserved(1, 3))
    assert state.level("MAIN") == Level(on_hand=5, reserved=3)
    assert state.available == 2


def test_a_promise_is_made_from_the_warehouse_that_has_most() -> None:
    history = given(STOCK_ITEM, received(2), received(7, "NORTH"))
    history.when(reserve(1, 2)).then(reserved(1, 2, "NORTH"))


def test_more_than_there_is_is_refused_and_said_with_the_figure() -> None:
    given(STOCK_ITEM, received(5), reserved(1, 3)).when(reserve(2, 3)).then(
        refused(2, 3, 2, RejectionReason.OUT_OF_STOCK)
    )


def test_a_sku_that_never_had_stock_refuses() -> None:
    given(STOCK_ITEM).when(reserve(1, 1)).then(refused(1, 1, 0, RejectionReason.OUT_OF_STOCK))


def test_goods_that_only_several_warehouses_have_together_are_refused_for_that_reason() -> None:
    given(STOCK_ITEM, received(2), received(2, "NORTH")).when(reserve(1, 3)).then(
        refused(1, 3, 4, RejectionReason.NO_SINGLE_WAREHOUSE)
    )


def test_a_repeat_of_an_open_promise_changes_nothing() -> None:
    given(STOCK_ITEM, received(5), reserved(1, 3)).when(reserve(1, 3)).then_nothing()


def test_a_repeat_of_a_refused_promise_changes_nothing_even_when_stock_has_come() -> None:
    given(STOCK_ITEM).when(reserve(1, 1), ReceiveStock(sku="A", quantity=5), reserve(1, 1)).then_nothing()


@pytest.mark.parametrize("ending", [release(1), SHIP], ids=["released", "shipped"])
def test_a_repeat_of_a_promise_that_has_ended_changes_nothing(ending: ReleaseReservation | ShipReserved) -> None:
    given(STOCK_ITEM, received(5)).when(reserve(1, 2), ending, reserve(1, 2)).then_nothing()


def test_a_release_makes_the_goods_available_again() -> None:
    state = given(STOCK_ITEM, received(5), reserved(1, 3)).when(release(1)).then(released(1, 3))
    assert state.level("MAIN") == Level(on_hand=5, reserved=0)


def test_a_repeat_of_a_release_changes_nothing() -> None:
    given(STOCK_ITEM, received(5), reserved(1, 3)).when(release(1), release(1)).then_nothing()


def test_a_release_before_the_promise_leaves_a_mark_that_refuses_it() -> None:
    history = given(STOCK_ITEM, received(5))
    history.when(release(1)).then(MARK)
    history.when(release(1), reserve(1, 3)).then(refused(1, 3, 5, RejectionReason.ALREADY_RELEASED))
    history.when(release(1), release(1)).then_nothing()
    history.when(release(1), reserve(1, 3), reserve(1, 3)).then_nothing()


def test_what_was_promised_is_shipped_and_leaves_the_shelf() -> None:
    state = given(STOCK_ITEM, received(5), reserved(1, 2)).when(SHIP).then(SHIPPED)
    assert state.level("MAIN") == Level(on_hand=3, reserved=0)


@pytest.mark.parametrize("ending", [release(1), SHIP], ids=["released", "shipped"])
def test_shipping_what_has_ended_changes_nothing(ending: ReleaseReservation | ShipReserved) -> None:
    given(STOCK_ITEM, received(5)).when(reserve(1, 2), ending, SHIP).then_nothing()


def test_shipping_what_was_never_promised_is_refused() -> None:
    given(STOCK_ITEM, received(5)).when(SHIP).then_rejected(ReservationNotFound, reservation_id="r1")


@pytest.mark.parametrize("delta", [-2, 4])
def test_an_adjustment_corrects_the_shelf(delta: int) -> None:
    command = AdjustStock(sku="A", delta=delta, reason=AdjustmentReason.FOUND, reference="x")
    event = StockAdjusted(sku="A", warehouse_id="MAIN", delta=delta, reason=AdjustmentReason.FOUND, reference="x")
    assert given(STOCK_ITEM, received(5)).when(command).then(event).available == 5 + delta


def test_an_adjustment_by_nothing_is_no_event() -> None:
    command = AdjustStock(sku="A", delta=0, reason=AdjustmentReason.CORRECTION)
    given(STOCK_ITEM, received(5)).when(command).then_nothing()


def test_an_adjustment_may_not_take_what_is_promised() -> None:
    command = AdjustStock(sku="A", delta=-3, reason=AdjustmentReason.DAMAGED)
    given(STOCK_ITEM, received(5), reserved(1, 3)).when(command).then_rejected(
        InsufficientStock, sku="A", warehouse_id="MAIN", available=2
    )


def test_a_count_is_the_truth() -> None:
    event = StockCounted(sku="A", warehouse_id="MAIN", previous_quantity=5, counted_quantity=9)
    state = given(STOCK_ITEM, received(5)).when(CountStock(sku="A", counted_quantity=9)).then(event)
    assert state.level("MAIN").on_hand == 9


def test_a_count_of_what_is_known_is_no_event() -> None:
    given(STOCK_ITEM, received(5)).when(CountStock(sku="A", counted_quantity=5)).then_nothing()


def test_a_count_below_what_is_promised_frees_the_newest_promises_of_that_warehouse() -> None:
    history = given(
        STOCK_ITEM,
        received(6),
        reserved(1, 2),
        reserved(2, 2),
        reserved(3, 1),
        received(9, "NORTH"),
        reserved(4, 1, "NORTH"),
    )
    state = history.when(CountStock(sku="A", counted_quantity=3)).then(
        StockCounted(sku="A", warehouse_id="MAIN", previous_quantity=6, counted_quantity=3),
        released(3, 1, ReleaseReason.SHORTFALL),
        released(2, 2, ReleaseReason.SHORTFALL),
    )
    assert state.level("MAIN") == Level(on_hand=3, reserved=2)
    assert state.level("NORTH") == Level(on_hand=9, reserved=1)


def test_a_ledger_remembers_a_bounded_number_of_ended_promises() -> None:
    marks = (
        StockReleased(sku="A", reservation_id=f"r{n}", quantity=0, reason=ReleaseReason.CANCELLED)
        for n in range(REMEMBERED_CLOSURES + 10)
    )
    state = STOCK_ITEM.fold(marks)
    assert len(state.closed) == REMEMBERED_CLOSURES
    assert "r9" not in state.closed
    assert "r10" in state.closed

"""The deadline of an order: it either settles before it passes, or expires."""

from datetime import timedelta

import pytest

from domain.decider import Deadline
from domain.ids import reservation_id
from domain.order import ORDER
from domain.order_commands import CancelOrder, ExpireOrder, RecordStock, RejectOrder
from domain.order_state import Order
from domain.product import PRODUCT
from domain.rejected import OrderClosed, OrderNotFound
from domain.stock_item import STOCK_ITEM
from event_schemas.event import Event
from event_schemas.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderRejected,
    OrderRejection,
    OrderStatus,
    OrderStockRecorded,
    ReservationRef,
    StockResult,
)
from tests.support.orders import EXPIRES_AT, ORDER_ID, PLACED_AT, place, placed, refused, reserved, sold
from tests.support.spec import given

EXPIRE = ExpireOrder(order_id=ORDER_ID, expires_at=EXPIRES_AT)
PLACED = placed(("A", 2), ("B", 1), ("C", 1), expires_at=EXPIRES_AT)


def refs(*skus: str) -> tuple[ReservationRef, ...]:
    return tuple(ReservationRef(sku=sku, reservation_id=reservation_id(ORDER_ID, sku)) for sku in skus)


def recorded(*results: StockResult, late: tuple[ReservationRef, ...] = ()) -> OrderStockRecorded:
    return OrderStockRecorded(order_id=ORDER_ID, results=results, to_release=late)


def expired(*skus: str) -> OrderExpired:
    return OrderExpired(order_id=ORDER_ID, placed_at=PLACED_AT, to_release=refs(*skus))


CONFIRMED = OrderConfirmed(order_id=ORDER_ID, placed_at=PLACED_AT, lines=sold(("A", 2), ("B", 1), ("C", 1)))
REJECTED = OrderRejected(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK, skus=("A",))
CANCELLED = OrderCancelled(order_id=ORDER_ID, reason="x", cancelled_by="customer", placed_at=PLACED_AT)
SETTLED = pytest.mark.parametrize(
    "settled", [CONFIRMED, REJECTED, CANCELLED, expired("A", "B", "C")], ids=lambda event: event.wire_name
)


def due(*events: Event) -> Deadline | None:
    return ORDER.due(ORDER.fold(events))


def test_an_order_is_placed_with_its_deadline() -> None:
    state = given(ORDER).when(place(("A", 1), expires_at=EXPIRES_AT)).then(placed(("A", 1), expires_at=EXPIRES_AT))
    assert state.expires_at == EXPIRES_AT


def test_a_pending_order_is_due_at_its_deadline_with_the_command_that_expires_it() -> None:
    assert due(PLACED) == Deadline(EXPIRES_AT, EXPIRE)
    assert due(PLACED, recorded(reserved("A"))) == Deadline(EXPIRES_AT, EXPIRE)


def test_an_order_without_a_deadline_is_never_due() -> None:
    assert due(placed(("A", 1))) is None
    assert due() is None


@SETTLED
def test_a_settled_order_is_not_due_any_more(settled: Event) -> None:
    assert due(PLACED, settled) is None


def test_products_and_stock_have_no_deadlines() -> None:
    assert PRODUCT.due(PRODUCT.initial) is None
    assert STOCK_ITEM.due(STOCK_ITEM.initial) is None


def test_an_order_expires_and_gives_back_what_is_promised_or_may_be() -> None:
    history = given(ORDER, PLACED, recorded(reserved("A"), refused("B")))
    assert history.when(EXPIRE).then(expired("A", "C")).status is OrderStatus.EXPIRED


def test_an_order_that_waits_for_its_payment_expires_with_all_of_its_goods() -> None:
    history = given(ORDER, placed(("A", 1), payment_method="CARD", expires_at=EXPIRES_AT), recorded(reserved("A")))
    history.when(EXPIRE).then(expired("A"))


@SETTLED
def test_a_timer_that_fires_after_the_order_was_settled_changes_nothing(settled: Event) -> None:
    given(ORDER, PLACED, settled).when(EXPIRE).then_nothing()


def test_a_timer_of_another_deadline_changes_nothing() -> None:
    earlier = EXPIRE.model_copy(update={"expires_at": EXPIRES_AT - timedelta(microseconds=1)})
    given(ORDER, PLACED).when(earlier).then_nothing()


def test_an_order_without_a_deadline_does_not_expire() -> None:
    given(ORDER, placed(("A", 1))).when(EXPIRE).then_nothing()


def test_an_order_that_was_never_placed_cannot_expire() -> None:
    given(ORDER).when(EXPIRE).then_rejected(OrderNotFound, order_id=ORDER_ID)


def test_a_promise_that_comes_after_the_deadline_is_given_back() -> None:
    given(ORDER, PLACED, expired("A", "B", "C")).when(RecordStock(order_id=ORDER_ID, results=(reserved("A"),))).then(
        recorded(reserved("A"), late=refs("A"))
    )


@pytest.mark.parametrize(
    "command",
    [CancelOrder(order_id=ORDER_ID), RejectOrder(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK)],
    ids=lambda command: command.type,
)
def test_an_expired_order_is_closed(command: CancelOrder | RejectOrder) -> None:
    refusal = given(ORDER, PLACED, expired("A", "B", "C")).when(command).then_rejected(OrderClosed, order_id=ORDER_ID)
    assert refusal.facts["order_status"] is OrderStatus.EXPIRED


def test_a_deadline_without_a_time_zone_is_no_command() -> None:
    with pytest.raises(ValueError, match="timezone"):
        place(("A", 1), expires_at=EXPIRES_AT.replace(tzinfo=None))


def test_the_deadline_is_the_same_when_the_event_went_through_the_log() -> None:
    state: Order = ORDER.fold([type(PLACED).model_validate_json(PLACED.model_dump_json())])
    assert ORDER.decide(state, EXPIRE) == [expired("A", "B", "C")]

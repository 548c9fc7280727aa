"""What an order answers to each command, and that it settles once."""

import pytest

from domain.ids import reservation_id
from domain.order import ORDER
from domain.order_commands import CancelOrder, FlagOrder, PlaceOrder, RecordStock, RejectOrder
from domain.rejected import CurrencyDiffers, OrderClosed, OrderNotFound
from event_schemas.order import (
    LineReservation,
    OrderCancelled,
    OrderConfirmed,
    OrderFlagged,
    OrderRejected,
    OrderRejection,
    OrderStatus,
    OrderStockConfirmed,
    OrderStockRecorded,
    ReservationRef,
    StockResult,
)
from tests.support.orders import ORDER_ID, PLACED_AT, line, place, placed, refused, reserved, sold
from tests.support.spec import given


def record(*results: StockResult) -> RecordStock:
    return RecordStock(order_id=ORDER_ID, results=results)


def recorded(*results: StockResult, late: tuple[ReservationRef, ...] = ()) -> OrderStockRecorded:
    return OrderStockRecorded(order_id=ORDER_ID, results=results, to_release=late)


def refs(*skus: str) -> tuple[ReservationRef, ...]:
    return tuple(ReservationRef(sku=sku, reservation_id=reservation_id(ORDER_ID, sku)) for sku in skus)


def covered(*skus: str) -> OrderStockConfirmed:
    return OrderStockConfirmed(
        order_id=ORDER_ID,
        reservations=tuple(
            LineReservation(line_id=str(n), reservation_id=reservation_id(ORDER_ID, sku), warehouse_id="MAIN")
            for n, sku in enumerate(skus, start=1)
        ),
    )


CONFIRMED = OrderConfirmed(order_id=ORDER_ID, placed_at=PLACED_AT, lines=sold(("A", 2)))
REJECTED = OrderRejected(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK, skus=("A",))
CANCELLED = OrderCancelled(
    order_id=ORDER_ID, reason="CUSTOMER_REQUEST", cancelled_by="customer", placed_at=PLACED_AT, to_release=refs("A")
)


def test_an_order_is_placed_with_its_total() -> None:
    state = given(ORDER).when(place(("A", 2), ("B", 1))).then(placed(("A", 2), ("B", 1)))
    assert (state.status, state.total, state.currency) == (OrderStatus.PENDING, 765, "GBP")


def test_placing_it_again_changes_nothing() -> None:
    given(ORDER).when(place(("A", 2)), place(("A", 2))).then_nothing()


def test_lines_of_two_currencies_are_refused_since_they_have_no_total() -> None:
    mixed = PlaceOrder(
        order_id=ORDER_ID, order_number="1", placed_at=PLACED_AT, lines=(line(1, "A", 1), line(2, "B", 1, 5, "EUR"))
    )
    given(ORDER).when(mixed).then_rejected(CurrencyDiffers, currency="GBP")


@pytest.mark.parametrize(
    "command",
    [
        record(reserved("A")),
        RejectOrder(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK),
        CancelOrder(order_id=ORDER_ID),
        FlagOrder(order_id=ORDER_ID, reason="SHORTFALL"),
    ],
    ids=lambda command: command.type,
)
def test_an_order_that_was_never_placed_is_not_found(
    command: RecordStock | RejectOrder | CancelOrder | FlagOrder,
) -> None:
    given(ORDER).when(command).then_rejected(OrderNotFound, order_id=ORDER_ID)


def test_it_waits_until_every_sku_has_answered() -> None:
    given(ORDER, placed(("A", 2), ("B", 1))).when(record(reserved("A"))).then(recorded(reserved("A")))


def test_the_last_promise_confirms_it() -> None:
    state = (
        given(ORDER, placed(("A", 2), ("B", 1)), recorded(reserved("A")))
        .when(record(reserved("B")))
        .then(
            recorded(reserved("B")),
            covered("A", "B"),
            OrderConfirmed(order_id=ORDER_ID, placed_at=PLACED_AT, lines=sold(("A", 2), ("B", 1))),
        )
    )
    assert state.status is OrderStatus.CONFIRMED


def test_all_answers_at_once_settle_it_at_once() -> None:
    history = given(ORDER, placed(("A", 2), ("B", 1)))
    state = history.when(record(reserved("B"), reserved("A"))).state
    assert state.status is OrderStatus.CONFIRMED


def test_two_lines_of_one_sku_wait_for_one_answer_and_are_both_covered() -> None:
    state = (
        given(ORDER, placed(("A", 2), ("A", 3)))
        .when(record(reserved("A")))
        .then(
            recorded(reserved("A")),
            covered("A", "A"),
            OrderConfirmed(order_id=ORDER_ID, placed_at=PLACED_AT, lines=sold(("A", 2), ("A", 3))),
        )
    )
    assert state.demands == {"A": 5}


def test_one_refusal_rejects_it_and_gives_back_what_others_had_promised() -> None:
    state = (
        given(ORDER, placed(("A", 2), ("B", 1), ("C", 1)), recorded(reserved("A"), refused("B")))
        .when(record(reserved("C")))
        .then(
            recorded(reserved("C")),
            OrderRejected(
                order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK, skus=("B",), to_release=refs("A", "C")
            ),
        )
    )
    assert state.status is OrderStatus.REJECTED


def test_an_order_with_a_way_of_payment_is_not_confirmed_by_its_stock_alone() -> None:
    state = (
        given(ORDER, placed(("A", 2), payment_method="CARD"))
        .when(record(reserved("A")))
        .then(recorded(reserved("A")), covered("A"))
    )
    assert state.status is OrderStatus.PENDING


@pytest.mark.parametrize("answer", [reserved("A"), refused("A")], ids=["the same", "another"])
def test_a_sku_that_answers_again_changes_nothing(answer: StockResult) -> None:
    given(ORDER, placed(("A", 2), ("B", 1)), recorded(reserved("A"))).when(record(answer)).then_nothing()


def test_two_answers_of_one_sku_in_one_command_count_once() -> None:
    given(ORDER, placed(("A", 1), ("B", 1))).when(record(reserved("A"), refused("A"))).then(recorded(reserved("A")))


def test_an_answer_of_a_sku_that_was_not_ordered_changes_nothing() -> None:
    given(ORDER, placed(("A", 2))).when(record(reserved("B"))).then_nothing()


def test_an_answer_under_another_orders_reservation_changes_nothing() -> None:
    given(ORDER, placed(("A", 2))).when(record(reserved("A", order_id="order-2"))).then_nothing()


def test_a_promise_after_a_refusal_is_given_back_when_the_order_is_closed() -> None:
    given(ORDER, placed(("A", 2)), recorded(refused("A")), REJECTED).when(record(reserved("A"))).then(
        recorded(reserved("A"), late=refs("A"))
    )


@pytest.mark.parametrize("closed", [CANCELLED, REJECTED], ids=["cancelled", "rejected"])
def test_a_promise_that_comes_after_the_end_is_given_back(closed: OrderCancelled | OrderRejected) -> None:
    given(ORDER, placed(("A", 2)), closed).when(record(reserved("A"))).then(recorded(reserved("A"), late=refs("A")))


def test_a_refusal_that_comes_after_the_end_is_only_noted() -> None:
    given(ORDER, placed(("A", 2)), CANCELLED).when(record(refused("A"))).then(recorded(refused("A")))


def test_a_pending_order_can_be_rejected_and_gives_back_what_may_be_promised() -> None:
    given(ORDER, placed(("A", 1), ("B", 1), ("C", 1)), recorded(reserved("A"), refused("B"))).when(
        RejectOrder(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK, skus=("B",))
    ).then(OrderRejected(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK, skus=("B",), to_release=refs("A", "C")))


def test_rejecting_it_again_changes_nothing() -> None:
    reject = RejectOrder(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK)
    given(ORDER, placed(("A", 1)), REJECTED).when(reject).then_nothing()


@pytest.mark.parametrize("settled", [CONFIRMED, CANCELLED], ids=["confirmed", "cancelled"])
def test_an_order_that_is_settled_cannot_be_rejected(settled: OrderConfirmed | OrderCancelled) -> None:
    reject = RejectOrder(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK)
    status = OrderStatus.CONFIRMED if settled is CONFIRMED else OrderStatus.CANCELLED
    given(ORDER, placed(("A", 2)), settled).when(reject).then_rejected(OrderClosed, order_status=status)


def test_cancelling_a_pending_order_gives_back_what_may_be_promised_and_counts_nothing_as_sold() -> None:
    given(ORDER, placed(("A", 2))).when(CancelOrder(order_id=ORDER_ID)).then(CANCELLED)


def test_cancelling_a_confirmed_order_takes_the_sale_back() -> None:
    given(ORDER, placed(("A", 2)), recorded(reserved("A")), covered("A"), CONFIRMED).when(
        CancelOrder(order_id=ORDER_ID)
    ).then(CANCELLED.model_copy(update={"sold": sold(("A", 2))}))


def test_cancelling_it_again_changes_nothing() -> None:
    given(ORDER, placed(("A", 2)), CANCELLED).when(CancelOrder(order_id=ORDER_ID)).then_nothing()


def test_a_rejected_order_cannot_be_cancelled() -> None:
    cancel = CancelOrder(order_id=ORDER_ID)
    given(ORDER, placed(("A", 2)), REJECTED).when(cancel).then_rejected(OrderClosed, order_status=OrderStatus.REJECTED)


def test_an_order_is_flagged_once_for_each_reason_and_sku() -> None:
    flag = FlagOrder(order_id=ORDER_ID, reason="SHORTFALL", sku="A")
    history = given(ORDER, placed(("A", 2)))
    history.when(flag).then(OrderFlagged(order_id=ORDER_ID, reason="SHORTFALL", sku="A"))
    history.when(flag, flag).then_nothing()
    assert history.when(flag, flag.model_copy(update={"sku": "B"})).events

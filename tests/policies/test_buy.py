"""The saga of buying: which commands follow from which events."""

import pytest

from domain.ids import reservation_id
from domain.order_commands import RecordStock
from domain.stock_commands import ReleaseReservation, ReserveStock
from domain.words import MOST_PIECES
from event_schemas.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderFlagged,
    OrderRejected,
    OrderRejection,
    OrderStockRecorded,
    ReservationRef,
    StockResult,
)
from event_schemas.stock import (
    Purpose,
    RejectionReason,
    ReleaseReason,
    StockReceived,
    StockReleased,
    StockReservationRejected,
    StockReserved,
)
from policies.buy import BUY, MOST_RESULTS
from tests.support.orders import ORDER_ID, PLACED_AT, placed, refused, reserved, sold
from tests.support.policy_spec import intents, when
from tests.support.recorded import recorded


def promise(sku: str, order_id: str = ORDER_ID, purpose: Purpose = Purpose.SALE) -> StockReserved:
    return StockReserved(
        sku=sku,
        reservation_id=reservation_id(order_id, sku),
        purpose=purpose,
        ref_id=order_id,
        warehouse_id="MAIN",
        quantity=1,
    )


def refusal(sku: str, order_id: str = ORDER_ID, purpose: Purpose = Purpose.SALE) -> StockReservationRejected:
    return StockReservationRejected(
        sku=sku,
        reservation_id=reservation_id(order_id, sku),
        purpose=purpose,
        ref_id=order_id,
        requested=1,
        available=0,
        reason=RejectionReason.OUT_OF_STOCK,
    )


def reserve(sku: str, quantity: int) -> ReserveStock:
    return ReserveStock(
        sku=sku,
        reservation_id=reservation_id(ORDER_ID, sku),
        purpose=Purpose.SALE,
        ref_id=ORDER_ID,
        quantity=quantity,
    )


def release(sku: str, reason: ReleaseReason) -> ReleaseReservation:
    return ReleaseReservation(sku=sku, reservation_id=reservation_id(ORDER_ID, sku), reason=reason)


def record(*results: StockResult, order_id: str = ORDER_ID) -> RecordStock:
    return RecordStock(order_id=order_id, results=results)


REFS = tuple(ReservationRef(sku=sku, reservation_id=reservation_id(ORDER_ID, sku)) for sku in ("A", "B"))


def test_an_order_asks_each_sku_once_for_all_of_its_lines() -> None:
    when(BUY, placed(("A", 2), ("B", 1), ("A", 3))).then(reserve("A", 5), reserve("B", 1))


def test_a_demand_that_no_ledger_can_be_asked_for_is_answered_as_refused() -> None:
    event = placed(("A", MOST_PIECES), ("B", 1), ("A", 1))
    when(BUY, event).then(reserve("B", 1), record(refused("A")))


def test_a_rejected_order_gives_back_what_it_holds() -> None:
    event = OrderRejected(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK, skus=("C",), to_release=REFS)
    when(BUY, event).then(release("A", ReleaseReason.ORDER_REJECTED), release("B", ReleaseReason.ORDER_REJECTED))


def test_a_cancelled_order_gives_back_what_it_holds() -> None:
    event = OrderCancelled(order_id=ORDER_ID, reason="x", cancelled_by="customer", placed_at=PLACED_AT, to_release=REFS)
    when(BUY, event).then(release("A", ReleaseReason.CANCELLED), release("B", ReleaseReason.CANCELLED))


def test_an_expired_order_gives_back_what_it_holds() -> None:
    event = OrderExpired(order_id=ORDER_ID, placed_at=PLACED_AT, to_release=REFS)
    when(BUY, event).then(release("A", ReleaseReason.EXPIRED), release("B", ReleaseReason.EXPIRED))


def test_a_promise_that_came_too_late_is_given_back() -> None:
    event = OrderStockRecorded(order_id=ORDER_ID, results=(reserved("A"),), to_release=REFS[:1])
    when(BUY, event).then(release("A", ReleaseReason.CANCELLED))


def test_the_answers_of_one_read_reach_each_order_together() -> None:
    when(BUY, promise("A"), promise("A", "order-2"), refusal("B"), promise("C")).then(
        record(reserved("A"), refused("B"), reserved("C")),
        record(reserved("A", "order-2"), order_id="order-2"),
    )


def test_an_answer_that_comes_twice_in_one_read_is_told_once() -> None:
    when(BUY, promise("A"), promise("A")).then(record(reserved("A")))


def test_more_answers_than_a_command_takes_are_told_in_several() -> None:
    reaction = when(BUY, *(promise(f"S{n}") for n in range(MOST_RESULTS + 1)))
    told = [intent.command for intent in reaction.intents]
    assert [len(command.results) for command in told if isinstance(command, RecordStock)] == [MOST_RESULTS, 1]


def test_a_merged_command_names_all_of_its_causes() -> None:
    events = [recorded(promise("A")), recorded(promise("B"))]
    (intent,) = intents(BUY, events)
    assert intent.causes == tuple(events)


@pytest.mark.parametrize("purpose", [Purpose.LOAN, Purpose.PICKUP])
def test_a_reservation_for_a_reader_is_no_orders_business(purpose: Purpose) -> None:
    when(BUY, promise("A", purpose=purpose), refusal("B", purpose=purpose)).then_nothing()


@pytest.mark.parametrize(
    "event",
    [
        OrderStockRecorded(order_id=ORDER_ID, results=(reserved("A"),)),
        OrderConfirmed(order_id=ORDER_ID, placed_at=PLACED_AT, lines=sold(("A", 1))),
        OrderFlagged(order_id=ORDER_ID, reason="SHORTFALL"),
        StockReceived(sku="A", warehouse_id="MAIN", quantity=1),
        StockReleased(sku="A", reservation_id="r", quantity=0, reason=ReleaseReason.CANCELLED),
    ],
    ids=lambda event: event.wire_type,
)
def test_nothing_follows_from_the_rest(
    event: OrderStockRecorded | OrderConfirmed | OrderFlagged | StockReceived | StockReleased,
) -> None:
    when(BUY, event).then_nothing()

"""Histories of several keys in each topic, with every type of event, on the same days and of the same SKUs."""

from collections.abc import Callable, Mapping, Sequence

from event_schemas import catalog, operations, order, stock
from event_schemas.event import Event
from event_schemas.record import Recorded
from event_schemas.topics import CATALOG, OPERATIONS, ORDERS, STOCK
from tests.projectors.log import (
    NOON,
    Log,
    added,
    cancelled,
    confirmed,
    gbp,
    placed,
    received,
    released,
    reserved,
)

KEYS = 6
LINES = {"85123A": 3, "71053": 1}


def _order(key: str, number: int) -> list[Event]:
    told = order.OrderStockRecorded(order_id=key, results=())
    stock_confirmed = order.OrderStockConfirmed(order_id=key, reservations=())
    flagged = order.OrderFlagged(order_id=key, reason="SHORTFALL", sku="71053")
    sold: list[Event] = [told, stock_confirmed, confirmed(key, LINES)]
    endings: list[list[Event]] = [
        [*sold, flagged, cancelled(key, LINES)],
        [*sold, flagged],
        [*sold, cancelled(key, LINES)],
        [told, order.OrderRejected(order_id=key, reason=order.OrderRejection.OUT_OF_STOCK, skus=("71053",))],
        [order.OrderExpired(order_id=key, placed_at=NOON)],
        sold,
    ]
    return [placed(key, LINES), *endings[number % len(endings)]]


def _stock_item(key: str, number: int) -> list[Event]:
    shipped = stock.StockShipped(
        sku=key, reservation_id=f"{key}-1", warehouse_id="MAIN", ref_id="o-1", quantity=3, shipment_id="s"
    )
    refused = stock.StockReservationRejected(
        sku=key,
        reservation_id=f"{key}-3",
        purpose=stock.Purpose.SALE,
        ref_id="o-3",
        requested=500,
        available=7,
        reason=stock.RejectionReason.OUT_OF_STOCK,
    )
    adjusted = stock.StockAdjusted(sku=key, warehouse_id="MAIN", delta=-1, reason=stock.AdjustmentReason.DAMAGED)
    counted = stock.StockCounted(sku=key, warehouse_id="MAIN", previous_quantity=9, counted_quantity=8)
    return [
        received(key, 10 + number),
        reserved(key, f"{key}-1", 3),
        reserved(key, f"{key}-2", 2),
        refused,
        released(key, f"{key}-2", 2),
        shipped,
        adjusted,
        counted,
        refused,
    ]


def _product(key: str, number: int) -> list[Event]:
    priced = catalog.PriceChanged(product_id=key, sku="85123A", old_price=gbp(250), new_price=gbp(300 + number))
    described = catalog.ProductDescribed(product_id=key, name=f"Lantern {number}")
    withdrawn = catalog.ProductWithdrawn(product_id=key, reason=catalog.WithdrawalReason.RECALLED)
    first = added("85123A", "Lantern").model_copy(update={"product_id": key})
    return [first, priced, described, *([withdrawn] if number % 2 else [])]


def _voided(key: str, number: int) -> list[Event]:
    place = {"record_topic": STOCK.name, "record_partition": 0, "record_offset": number}
    given_up = {"record_id": key, "projection": "stock", "key": "85123A", "reason": "recalled", **place}
    return [operations.RecordVoided.model_validate(given_up)]


STORIES: Mapping[str, Callable[[str, int], list[Event]]] = {
    CATALOG.name: _product,
    STOCK.name: _stock_item,
    ORDERS.name: _order,
    OPERATIONS.name: _voided,
}


def stories(topic: str, partitions: int) -> list[Sequence[Recorded]]:
    """The events of each key in their order; the keys are dealt out to the partitions, in which they lie mixed."""
    log = Log()
    told: list[list[Recorded]] = [[] for _ in range(KEYS)]
    waiting = [STORIES[topic](f"{topic}-{number}", number) for number in range(KEYS)]
    while any(waiting):
        for number, events in enumerate(waiting):
            if events:
                told[number].append(log.add(events.pop(0), partition=number % partitions))
    return [*told]

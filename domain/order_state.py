"""What the rules need to know of an order, and what each event changes in it."""

from __future__ import annotations  # rpds's maps take type arguments in their stubs only

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, assert_never

from rpds import HashTrieMap, HashTrieSet

from event_schemas.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderFlagged,
    OrderLine,
    OrderPlaced,
    OrderRejected,
    OrderStatus,
    OrderStockConfirmed,
    OrderStockRecorded,
)

OrderEvent = (
    OrderPlaced
    | OrderStockRecorded
    | OrderStockConfirmed
    | OrderConfirmed
    | OrderRejected
    | OrderCancelled
    | OrderExpired
    | OrderFlagged
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Line(NamedTuple):
    """What the rules need of a line: money in minor units of the order's currency."""

    line_id: str
    product_id: str
    sku: str
    quantity: int
    line_total: int


class Order(NamedTuple):
    """An order as its rules need it; ``status`` is None until it is placed."""

    order_id: str = ""
    status: OrderStatus | None = None
    placed_at: datetime = EPOCH
    currency: str = ""
    total: int = 0
    payment_method: str | None = None
    lines: tuple[Line, ...] = ()
    results: HashTrieMap[str, tuple[str, str | None]] = HashTrieMap()
    """Answer per SKU: the warehouse that holds the goods, or None where they were refused, after the outcome."""
    flags: HashTrieSet[tuple[str, str | None]] = HashTrieSet()
    expires_at: datetime | None = None
    """When it expires unless it is settled by then; None for an order that waits for ever, such as one from history."""

    @property
    def demands(self) -> dict[str, int]:
        """Pieces per SKU, the lines of one SKU counted together."""
        return demands((line.sku, line.quantity) for line in self.lines)


def demands(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Pieces per SKU of (sku, quantity) pairs, in the order in which the SKUs first appear."""
    total: dict[str, int] = {}
    for sku, quantity in lines:
        total[sku] = total.get(sku, 0) + quantity
    return total


def evolve(state: Order, event: OrderEvent) -> Order:
    """The order after an event."""
    match event:
        case OrderPlaced():
            return Order(
                order_id=event.order_id,
                status=OrderStatus.PENDING,
                placed_at=event.placed_at,
                currency=event.total.currency,
                total=event.total.amount,
                payment_method=event.payment_method,
                lines=tuple(map(_line, event.lines)),
                expires_at=event.expires_at,
            )
        case OrderStockRecorded():
            results = state.results
            for result in event.results:
                results = results.insert(result.sku, (result.outcome, result.warehouse_id))
            return state._replace(results=results)
        case OrderStockConfirmed():
            return state
        case OrderConfirmed():
            return state._replace(status=OrderStatus.CONFIRMED)
        case OrderRejected():
            return state._replace(status=OrderStatus.REJECTED)
        case OrderCancelled():
            return state._replace(status=OrderStatus.CANCELLED)
        case OrderExpired():
            return state._replace(status=OrderStatus.EXPIRED)
        case OrderFlagged():
            return state._replace(flags=state.flags.insert((event.reason, event.sku)))
        case _:
            assert_never(event)


def _line(line: OrderLine) -> Line:
    return Line(line.line_id, line.product_id, line.sku, line.quantity, line.line_total.amount)

"""The rules of an order. It counts the answers of its SKUs itself, since only the order sees all of its lines."""

from __future__ import annotations  # rpds's maps take type arguments in their stubs only

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, assert_never

from rpds import HashTrieMap, HashTrieSet

from domain.decider import Decider
from domain.ids import reservation_id
from domain.order_commands import AnyOrderCommand, CancelOrder, FlagOrder, PlaceOrder, RecordStock, RejectOrder
from domain.rejected import CurrencyDiffers, OrderClosed, OrderNotFound
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.order import (
    LineReservation,
    OrderCancelled,
    OrderConfirmed,
    OrderFlagged,
    OrderLine,
    OrderPlaced,
    OrderRejected,
    OrderRejection,
    OrderStatus,
    OrderStockConfirmed,
    OrderStockRecorded,
    Outcome,
    ReservationRef,
    SoldLine,
    StockResult,
)
from event_schemas.topics import ORDERS

OrderEvent = (
    OrderPlaced
    | OrderStockRecorded
    | OrderStockConfirmed
    | OrderConfirmed
    | OrderRejected
    | OrderCancelled
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


def decide(state: Order, command: AnyOrderCommand) -> list[Event]:
    """The events that follow. Raises ``OrderNotFound``, ``OrderClosed`` or ``CurrencyDiffers``."""
    if isinstance(command, PlaceOrder):
        return [_placed(command)] if state.status is None else []
    if state.status is None:
        raise OrderNotFound(f"no order has the id {command.order_id}", order_id=command.order_id)
    match command:
        case RecordStock():
            return _record(state, command)
        case RejectOrder():
            if state.status is OrderStatus.REJECTED:
                return []
            if state.status is not OrderStatus.PENDING:
                raise _closed(state)
            return [_rejected(state, command.reason, command.skus)]
        case CancelOrder():
            return _cancel(state, command)
        case FlagOrder():
            if (command.reason, command.sku) in state.flags:
                return []
            return [OrderFlagged(order_id=command.order_id, reason=command.reason, sku=command.sku)]
        case _:
            assert_never(command)


def _closed(state: Order) -> OrderClosed:
    assert state.status is not None
    return OrderClosed(f"order {state.order_id} is {state.status}", order_id=state.order_id, status=state.status)


def _placed(command: PlaceOrder) -> OrderPlaced:
    currency = command.lines[0].line_total.currency
    if any(line.line_total.currency != currency for line in command.lines):
        raise CurrencyDiffers(f"not all lines are in {currency}", currency=currency)
    total = Money(amount=sum(line.line_total.amount for line in command.lines), currency=currency)
    return OrderPlaced(
        order_id=command.order_id,
        order_number=command.order_number,
        user_id=command.user_id,
        placed_at=command.placed_at,
        lines=command.lines,
        subtotal=total,
        total=total,
        country=command.country,
        payment_method=command.payment_method,
    )


def _record(state: Order, command: RecordStock) -> list[Event]:
    wanted = state.demands
    fresh: dict[str, StockResult] = {}
    for result in command.results:
        asked = result.sku in wanted and result.reservation_id == reservation_id(state.order_id, result.sku)
        before = fresh[result.sku].outcome if result.sku in fresh else state.results.get(result.sku, (None, None))[0]
        if asked and _tells_something(before, result.outcome):
            fresh[result.sku] = result
    if not fresh:
        return []
    if state.status is not OrderStatus.PENDING:
        late = tuple(
            ReservationRef(sku=r.sku, reservation_id=r.reservation_id)
            for r in fresh.values()
            if r.outcome is Outcome.RESERVED
        )
        return [OrderStockRecorded(order_id=state.order_id, results=tuple(fresh.values()), to_release=late)]
    recorded = OrderStockRecorded(order_id=state.order_id, results=tuple(fresh.values()))
    after = evolve(state, recorded)
    if len(after.results) < len(wanted):
        return [recorded]
    refused = tuple(sku for sku in wanted if after.results[sku][0] == Outcome.REJECTED)
    if refused:
        return [recorded, _rejected(after, OrderRejection.OUT_OF_STOCK, refused)]
    return [recorded, _stock_confirmed(after), *_confirmed(after)]


def _tells_something(before: str | None, outcome: Outcome) -> bool:
    """A first answer does; so does a promise after a refusal, since its goods would else be held for nobody."""
    return before is None or (before == Outcome.REJECTED and outcome is Outcome.RESERVED)


def _stock_confirmed(state: Order) -> OrderStockConfirmed:
    reservations = tuple(
        LineReservation(
            line_id=line.line_id,
            reservation_id=reservation_id(state.order_id, line.sku),
            warehouse_id=state.results[line.sku][1] or "",
        )
        for line in state.lines
    )
    return OrderStockConfirmed(order_id=state.order_id, reservations=reservations)


def _confirmed(state: Order) -> list[Event]:
    """An order that names no way of payment has nothing left to wait for once its stock is promised."""
    if state.payment_method is not None:
        return []
    return [OrderConfirmed(order_id=state.order_id, placed_at=state.placed_at, lines=_sold(state))]


def _sold(state: Order) -> tuple[SoldLine, ...]:
    return tuple(
        SoldLine(
            sku=line.sku,
            product_id=line.product_id,
            quantity=line.quantity,
            line_total=Money(amount=line.line_total, currency=state.currency),
        )
        for line in state.lines
    )


def _to_release(state: Order) -> tuple[ReservationRef, ...]:
    """Every demand that may hold goods: those promised, and those whose answer is not known yet."""
    return tuple(
        ReservationRef(sku=sku, reservation_id=reservation_id(state.order_id, sku))
        for sku in state.demands
        if state.results.get(sku, (Outcome.RESERVED, None))[0] == Outcome.RESERVED
    )


def _rejected(state: Order, reason: OrderRejection, skus: tuple[str, ...]) -> OrderRejected:
    return OrderRejected(order_id=state.order_id, reason=reason, skus=skus, to_release=_to_release(state))


def _cancel(state: Order, command: CancelOrder) -> list[Event]:
    if state.status is OrderStatus.CANCELLED:
        return []
    if state.status is OrderStatus.REJECTED:
        raise _closed(state)
    return [
        OrderCancelled(
            order_id=command.order_id,
            reason=command.reason,
            cancelled_by=command.cancelled_by,
            placed_at=state.placed_at,
            to_release=_to_release(state),
            sold=_sold(state) if state.status is OrderStatus.CONFIRMED else (),
        )
    ]


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
        case OrderFlagged():
            return state._replace(flags=state.flags.insert((event.reason, event.sku)))
        case _:
            assert_never(event)


def _line(line: OrderLine) -> Line:
    return Line(line.line_id, line.product_id, line.sku, line.quantity, line.line_total.amount)


ORDER: Decider[Order] = Decider(ORDERS.name, Order(), decide, evolve)  # type: ignore[arg-type]
"""The rules of orders, as the writer of the topic ``orders`` runs them."""

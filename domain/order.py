"""The rules of an order. It counts the answers of its SKUs itself, since only the order sees all of its lines, and owns
the deadline by which they must have come.
"""

from typing import assert_never

from domain.decider import Deadline, Decider
from domain.ids import reservation_id
from domain.order_commands import (
    AnyOrderCommand,
    CancelOrder,
    ExpireOrder,
    FlagOrder,
    PlaceOrder,
    RecordStock,
    RejectOrder,
)
from domain.order_dump import dump, load
from domain.order_state import Order, evolve
from domain.rejected import CurrencyDiffers, OrderClosed, OrderNotFound
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.order import (
    LineReservation,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderFlagged,
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

__all__ = ["ORDER", "Order", "decide", "due"]


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
        case ExpireOrder():
            return _expire(state, command)
        case FlagOrder():
            if (command.reason, command.sku) in state.flags:
                return []
            return [OrderFlagged(order_id=command.order_id, reason=command.reason, sku=command.sku)]
        case _:
            assert_never(command)


def _closed(state: Order) -> OrderClosed:
    assert state.status is not None
    detail = f"order {state.order_id} is {state.status}"
    return OrderClosed(detail, order_id=state.order_id, order_status=state.status)


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
        expires_at=command.expires_at,
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
    if state.status in {OrderStatus.REJECTED, OrderStatus.EXPIRED}:
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


def _expire(state: Order, command: ExpireOrder) -> list[Event]:
    """A timer may fire late, twice, or for a deadline that was extended since: then nothing is left to do."""
    if state.status is not OrderStatus.PENDING or command.expires_at != state.expires_at:
        return []
    return [OrderExpired(order_id=state.order_id, placed_at=state.placed_at, to_release=_to_release(state))]


def due(state: Order) -> Deadline | None:
    """When the order expires, as long as it is pending; None for one that is settled or has no deadline."""
    if state.status is not OrderStatus.PENDING or state.expires_at is None:
        return None
    return Deadline(state.expires_at, ExpireOrder(order_id=state.order_id, expires_at=state.expires_at))


ORDER: Decider[Order] = Decider(ORDERS.name, Order(), decide, evolve, dump, load, due)  # type: ignore[arg-type]
"""The rules of orders, as the writer of the topic ``orders`` runs them."""

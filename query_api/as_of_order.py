"""An order as it was: its history folded into the answer that the live endpoint gives. Pure."""

from collections.abc import Sequence
from typing import Any

from event_schemas import order
from query_api.as_of import Past
from query_api.money import major


def order_as_of(past: Sequence[Past]) -> dict[str, Any] | None:
    """The order with its lines after these events, as `OrderWithLines` has it; None when it was not placed yet."""
    if not past or not isinstance(past[0].event, order.OrderPlaced):
        return None
    shown: dict[str, Any] = _placed(past[0].event)
    for version, at, event in past:
        shown |= {"version": version, "updated_at": at}
        match event:
            case order.OrderConfirmed():
                shown |= {"status": "CONFIRMED", "payment_id": event.payment_id, "settled_at": at}
            case order.OrderRejected():
                shown |= {"status": "REJECTED", "reason": event.reason.value, "settled_at": at}
            case order.OrderCancelled():
                shown |= {"status": "CANCELLED", "reason": event.reason, "cancelled_at": at}
                shown["cancelled_by"] = event.cancelled_by
            case order.OrderExpired():
                shown |= {"status": "EXPIRED", "settled_at": at}
            case order.OrderFlagged():
                shown["flags"].append({"reason": event.reason, "sku": event.sku})
    return shown


def _placed(event: order.OrderPlaced) -> dict[str, Any]:
    return {
        **event.model_dump(include={"order_id", "order_number", "user_id", "placed_at", "country", "payment_method"}),
        "status": "PENDING",
        "currency": event.total.currency,
        "subtotal": major(event.subtotal.amount),
        "total": major(event.total.amount),
        "line_count": len(event.lines),
        "quantity": sum(line.quantity for line in event.lines),
        "flags": [],
        "lines": list(map(_line, event.lines)),
    }


def _line(line: order.OrderLine) -> dict[str, Any]:
    money = {"unit_price": major(line.unit_price.amount), "line_total": major(line.line_total.amount)}
    return {**line.model_dump(exclude={*money}), **money, "currency": line.line_total.currency}

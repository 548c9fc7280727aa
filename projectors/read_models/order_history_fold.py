"""What a batch of order events comes to, before it becomes statements or rows of a COPY. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from event_schemas import order
from event_schemas.record import Recorded
from projectors.read_models.order_history_sql import CHANGED
from projectors.read_models.order_story import story
from projectors.read_models.rows import appended_at

_Row = list[Any]
"""Values in the order of `NEW_COLUMNS`, or of `CHANGED` alone; the flags as a list, or None while there are none."""

_PLACED = (
    "order_number", "user_id", "placed_at", "country", "payment_method", "currency", "subtotal", "total",
    "line_count", "quantity",
)  # fmt: skip
NEW_COLUMNS = (*CHANGED, *_PLACED)
_PLACES = {name: place for place, name in enumerate(CHANGED)}
_FLAGS, _VERSION, _UPDATED_AT = _PLACES["flags"], _PLACES["version"], _PLACES["updated_at"]
_UNCHANGED = (None,) * (len(CHANGED) - 1)
_UNSETTLED = (None,) * (_VERSION - _PLACES["reason"])


class Fold:
    """What a batch comes to: new orders in their last state, changes of older ones, lines, and the timeline."""

    def __init__(self) -> None:
        self.orders: dict[str, _Row] = {}
        self.changes: dict[str, _Row] = {}
        self.lines: list[tuple[Any, ...]] = []
        self.timeline: list[tuple[Any, ...]] = []
        self.offsets: dict[str, int] = {}
        """Where an order was placed, or else the last that changed it."""

    def change(self, item: Recorded, order_id: str, **fields: Any) -> None:
        """Sets those `fields` of an order that are not None, wherever its row is; flags are added to those it has."""
        row = self.orders.get(order_id)
        if row is None:
            row = self.changes.setdefault(order_id, [order_id, *_UNCHANGED])
            self.offsets[order_id] = item.offset
        if "flags" in fields:
            fields["flags"] = [*(row[_FLAGS] or ()), *fields["flags"]]
        for name, value in fields.items():
            if value is not None:
                row[_PLACES[name]] = value
        row[_VERSION], row[_UPDATED_AT] = item.envelope.sequence, item.envelope.time

    def new_rows(self) -> list[tuple[Any, ...]]:
        """The orders that were placed in the batch, as `NEW_COLUMNS`."""
        return [*map(_written, self.orders.values())]

    def changed_rows(self) -> list[tuple[Any, ...]]:
        """What changed of orders from before the batch, as `CHANGED`."""
        return [*map(_written, self.changes.values())]


def _written(row: _Row) -> tuple[Any, ...]:
    flags = row[_FLAGS]
    row[_FLAGS] = orjson.dumps(flags).decode() if flags else "[]"
    return tuple(row)


def folded(events: Sequence[Recorded]) -> Fold:
    """The fold of a batch. An order that was placed in it is there once, in the state that it came to.

    Raises `KeyError` for an event that is not of an order, and `ValueError` for an order that is placed twice.
    """
    fold = Fold()
    for item in events:
        event, envelope = item.event, item.envelope
        _HANDLERS[type(event)](fold, item, event)
        fold.timeline.append(
            (
                envelope.subject,
                envelope.sequence,
                type(event).wire_name,
                envelope.actor,
                envelope.time,
                appended_at(item.appended_ms),
                envelope.id,
                story(event),
            )
        )
    return fold


def _placed(fold: Fold, item: Recorded, event: order.OrderPlaced) -> None:
    order_id = event.order_id
    if order_id in fold.orders:
        raise ValueError(f"order {order_id} was placed before")
    fold.changes.pop(order_id, None)  # there was nothing yet that they could change
    fold.offsets[order_id] = item.offset
    fold.lines.extend(
        (
            order_id,
            number,
            line.line_id,
            line.product_id,
            line.sku,
            line.name,
            line.quantity,
            line.unit_price.amount,
            line.line_total.amount,
            line.line_total.currency,
        )
        for number, line in enumerate(event.lines, 1)
    )
    fold.orders[order_id] = [
        order_id,
        order.OrderStatus.PENDING.value,
        *_UNSETTLED,
        item.envelope.sequence,
        item.envelope.time,
        event.order_number,
        event.user_id,
        event.placed_at,
        event.country,
        event.payment_method,
        event.total.currency,
        event.subtotal.amount,
        event.total.amount,
        len(event.lines),
        sum(line.quantity for line in event.lines),
    ]


def _told(fold: Fold, item: Recorded, event: order.OrderStockRecorded | order.OrderStockConfirmed) -> None:
    fold.change(item, event.order_id)


def _confirmed(fold: Fold, item: Recorded, event: order.OrderConfirmed) -> None:
    fold.change(
        item, event.order_id, status="CONFIRMED", payment_id=event.payment_id, settled_at=item.envelope.time
    )  # fmt: skip


def _rejected(fold: Fold, item: Recorded, event: order.OrderRejected) -> None:
    fold.change(item, event.order_id, status="REJECTED", reason=event.reason.value, settled_at=item.envelope.time)


def _cancelled(fold: Fold, item: Recorded, event: order.OrderCancelled) -> None:
    fold.change(
        item, event.order_id, status="CANCELLED", reason=event.reason, cancelled_by=event.cancelled_by,
        cancelled_at=item.envelope.time,
    )  # fmt: skip


def _expired(fold: Fold, item: Recorded, event: order.OrderExpired) -> None:
    fold.change(item, event.order_id, status="EXPIRED", settled_at=item.envelope.time)


def _flagged(fold: Fold, item: Recorded, event: order.OrderFlagged) -> None:
    fold.change(item, event.order_id, flags=[{"reason": event.reason, "sku": event.sku}])


_HANDLERS: dict[type, Callable[[Fold, Recorded, Any], None]] = {
    order.OrderPlaced: _placed,
    order.OrderStockRecorded: _told,
    order.OrderStockConfirmed: _told,
    order.OrderConfirmed: _confirmed,
    order.OrderRejected: _rejected,
    order.OrderCancelled: _cancelled,
    order.OrderExpired: _expired,
    order.OrderFlagged: _flagged,
}

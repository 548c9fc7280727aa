"""What a batch of stock events comes to, before it becomes statements or rows of a COPY. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from event_schemas import stock
from event_schemas.record import Recorded
from projectors.read_models.rows import storable, summable


class Fold:
    """What a batch comes to: rows in the order of the log, levels summed, reservations in their last state."""

    def __init__(self) -> None:
        self.movements: list[tuple[Any, ...]] = []
        self.levels: dict[tuple[str, str], list[int]] = {}
        self.reservations: dict[str, list[Any]] = {}
        self.transitions: dict[str, tuple[Any, ...]] = {}
        self.rejections: dict[tuple[str, str], list[Any]] = {}
        self.last: dict[str | tuple[str, str], int] = {}
        """Offset of the last event of a reservation, or of a kind of rejection."""

    def move(
        self,
        item: Recorded,
        place: tuple[str, str],
        kind: str,
        *,
        quantity: int,
        on_hand: int = 0,
        reserved: int = 0,
        ref_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Adds to the level of `place` (sku, warehouse). The balance here is what the batch alone adds up to."""
        summable(quantity, on_hand, reserved)
        level = self.levels.get(place)
        if level is None:
            level = self.levels[place] = [0, 0]
        level[0] += on_hand
        level[1] += reserved
        _, partition, offset, appended_ms, envelope, _, _ = item
        self.movements.append(
            (
                envelope.id,
                *place,
                kind,
                quantity,
                on_hand,
                reserved,
                ref_id,
                reason,
                level[0] - level[1],
                envelope.actor,
                envelope.time,
                appended_ms,
                partition,
                offset,
            )
        )

    def open(self, item: Recorded, row: list[Any]) -> None:
        """A reservation that the table does not hold yet, or that takes the place of an old tombstone."""
        _, _, warehouse_id, _, ref_id, _, expires_at, *_ = row
        storable(warehouse_id, ref_id, expires_at, item.envelope.time)
        self.last[row[0]] = item.offset
        self.transitions.pop(row[0], None)
        self.reservations[row[0]] = row

    def close(
        self, item: Recorded, reservation_id: str, state: str, *, reason: str | None = None, shipment: str | None = None
    ) -> None:
        """Ends a reservation: in the batch when it began there, else as a change of an older row."""
        storable(shipment)
        at = item.envelope.time
        self.last[reservation_id] = item.offset
        row = self.reservations.get(reservation_id)
        if row is not None:
            row[7:11] = state, reason, shipment, at
        else:
            self.transitions[reservation_id] = (reservation_id, state, reason, shipment, at)


def folded(events: Sequence[Recorded]) -> Fold:
    """The fold of a batch. Raises `KeyError` for an event that is not of the stock ledger, `ValueError` or
    `OverflowError` for one with a value that no table takes."""
    fold = Fold()
    for item in events:
        _HANDLERS[type(item.event)](fold, item, item.event)
    return fold


def _received(fold: Fold, item: Recorded, event: stock.StockReceived) -> None:
    place, quantity = (event.sku, event.warehouse_id), event.quantity
    fold.move(item, place, "RECEIVED", quantity=quantity, on_hand=quantity, ref_id=event.reference)


def _counted(fold: Fold, item: Recorded, event: stock.StockCounted) -> None:
    counted = event.counted_quantity
    delta = counted - event.previous_quantity
    fold.move(item, (event.sku, event.warehouse_id), "COUNTED", quantity=counted, on_hand=delta)


def _adjusted(fold: Fold, item: Recorded, event: stock.StockAdjusted) -> None:
    place, delta, reason = (event.sku, event.warehouse_id), event.delta, event.reason.value
    fold.move(item, place, "ADJUSTED", quantity=delta, on_hand=delta, ref_id=event.reference, reason=reason)


def _reserved(fold: Fold, item: Recorded, event: stock.StockReserved) -> None:
    sku, warehouse_id, quantity, ref_id = event.sku, event.warehouse_id, event.quantity, event.ref_id
    fold.move(item, (sku, warehouse_id), "RESERVED", quantity=quantity, reserved=quantity, ref_id=ref_id)
    purpose, at = event.purpose.value, item.envelope.time
    state = ("RESERVED", None, None, None)
    fold.open(item, [event.reservation_id, sku, warehouse_id, purpose, ref_id, quantity, event.expires_at, *state, at])


def _released(fold: Fold, item: Recorded, event: stock.StockReleased) -> None:
    reservation_id, sku, warehouse_id, quantity = event.reservation_id, event.sku, event.warehouse_id, event.quantity
    reason, at = event.reason.value, item.envelope.time
    if quantity == 0:
        purpose = event.purpose.value if event.purpose else None
        state = ("RELEASED", reason, None, at)
        fold.open(item, [reservation_id, sku, warehouse_id, purpose, event.ref_id, 0, None, *state, at])
        return
    if warehouse_id is None:
        raise ValueError(f"release of {reservation_id} frees {quantity} but names no warehouse")
    place = (sku, warehouse_id)
    fold.move(item, place, "RELEASED", quantity=quantity, reserved=-quantity, ref_id=event.ref_id, reason=reason)
    fold.close(item, reservation_id, "RELEASED", reason=reason)


def _shipped(fold: Fold, item: Recorded, event: stock.StockShipped) -> None:
    place, quantity = (event.sku, event.warehouse_id), event.quantity
    fold.move(item, place, "SHIPPED", quantity=quantity, on_hand=-quantity, reserved=-quantity, ref_id=event.ref_id)
    fold.close(item, event.reservation_id, "SHIPPED", shipment=event.shipment_id)


def _rejected(fold: Fold, item: Recorded, event: stock.StockReservationRejected) -> None:
    storable(item.envelope.time)
    kind = event.sku, event.reason.value
    fold.last[kind] = item.offset
    row = fold.rejections.setdefault(kind, [0, 0, None])
    row[0] += 1
    row[1] += event.requested
    row[2] = item.envelope.time


_HANDLERS: dict[type, Callable[[Fold, Recorded, Any], None]] = {
    stock.StockReceived: _received,
    stock.StockCounted: _counted,
    stock.StockAdjusted: _adjusted,
    stock.StockReserved: _reserved,
    stock.StockReleased: _released,
    stock.StockShipped: _shipped,
    stock.StockReservationRejected: _rejected,
}

"""What the rules need to know of one SKU's stock ledger, and what each event changes in it."""

from __future__ import annotations  # rpds's maps take type arguments in their stubs only

from typing import NamedTuple, assert_never

from rpds import HashTrieMap, HashTrieSet, Queue

from domain.stock_commands import INITIAL_REFERENCE
from event_schemas.stock import (
    Purpose,
    StockAdjusted,
    StockCounted,
    StockReceived,
    StockReleased,
    StockReservationRejected,
    StockReserved,
    StockShipped,
)

REMEMBERED_CLOSURES = 4_096
"""How many closed reservations a SKU remembers, so that a late or repeated command on them is recognised."""

StockEvent = (
    StockReceived
    | StockCounted
    | StockAdjusted
    | StockReserved
    | StockReservationRejected
    | StockReleased
    | StockShipped
)


class Level(NamedTuple):
    """What one warehouse has of the SKU, in pieces."""

    on_hand: int = 0
    reserved: int = 0
    on_loan: int = 0

    @property
    def available(self) -> int:
        """What can still be promised."""
        return self.on_hand - self.reserved


class Reservation(NamedTuple):
    """An open promise; ``number`` grows with each promise of the SKU, so the newest is known."""

    warehouse_id: str
    quantity: int
    purpose: Purpose
    ref_id: str
    number: int


class StockItem(NamedTuple):
    """The ledger as its rules need it. Persistent maps: an event costs the same with ten promises as with a million."""

    levels: HashTrieMap[str, Level] = HashTrieMap()
    reservations: HashTrieMap[str, Reservation] = HashTrieMap()
    closed: HashTrieMap[str, bool] = HashTrieMap()
    """Closed reservations: True where it had been open or was refused, False for the mark of an early release."""
    closing_order: Queue[str] = Queue()
    next_number: int = 1
    initial_receipts: HashTrieSet[tuple[str, str]] = HashTrieSet()
    """Warehouse and reference of each initial stock that was received, so that a late repeat is recognised."""

    def level(self, warehouse_id: str) -> Level:
        """What a warehouse has; nothing, if it never had any."""
        return self.levels.get(warehouse_id, Level())

    @property
    def available(self) -> int:
        """What can be promised of the SKU in all warehouses together."""
        return sum(level.available for level in self.levels.values())


def evolve(state: StockItem, event: StockEvent) -> StockItem:
    """The ledger after an event."""
    match event:
        case StockReserved():
            number = state.next_number
            reservation = Reservation(event.warehouse_id, event.quantity, event.purpose, event.ref_id, number)
            return state._replace(
                levels=_levels(state, event.warehouse_id, reserved=event.quantity),
                reservations=state.reservations.insert(event.reservation_id, reservation),
                next_number=number + 1,
            )
        case StockReceived():
            known = state.initial_receipts
            if event.reference is not None and event.reference.startswith(INITIAL_REFERENCE):
                known = known.insert((event.warehouse_id, event.reference))
            return state._replace(
                levels=_levels(state, event.warehouse_id, on_hand=event.quantity), initial_receipts=known
            )
        case StockCounted():
            found = event.counted_quantity - state.level(event.warehouse_id).on_hand
            return state._replace(levels=_levels(state, event.warehouse_id, on_hand=found))
        case StockAdjusted():
            return state._replace(levels=_levels(state, event.warehouse_id, on_hand=event.delta))
        case StockReservationRejected():
            return _closed(state, event.reservation_id, known=True)
        case StockReleased():
            if event.warehouse_id is None:
                return _closed(state, event.reservation_id, known=False)
            freed = state._replace(levels=_levels(state, event.warehouse_id, reserved=-event.quantity))
            return _closed(freed, event.reservation_id, known=True)
        case StockShipped():
            levels = _levels(state, event.warehouse_id, on_hand=-event.quantity, reserved=-event.quantity)
            return _closed(state._replace(levels=levels), event.reservation_id, known=True)
        case _:
            assert_never(event)


def _levels(state: StockItem, warehouse_id: str, *, on_hand: int = 0, reserved: int = 0) -> HashTrieMap[str, Level]:
    old = state.level(warehouse_id)
    return state.levels.insert(warehouse_id, Level(old.on_hand + on_hand, old.reserved + reserved, old.on_loan))


def _closed(state: StockItem, reservation_id: str, *, known: bool) -> StockItem:
    closed, order = state.closed, state.closing_order
    if reservation_id not in closed:
        order = order.enqueue(reservation_id)
        if len(closed) >= REMEMBERED_CLOSURES:
            closed = closed.discard(order.peek())  # type: ignore[operator]  # a property in the stub only
            order = order.dequeue()  # type: ignore[call-arg]  # the stub asks for a value that it does not take
    return state._replace(
        reservations=state.reservations.discard(reservation_id),
        closed=closed.insert(reservation_id, known),
        closing_order=order,
    )

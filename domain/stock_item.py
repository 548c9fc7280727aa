"""The rules of one SKU's stock ledger. Available = on hand less reserved, in each warehouse, and never below zero after
a decision: a promise is made from one warehouse's shelf or not at all, and a repeat of anything changes nothing.
"""

from __future__ import annotations  # rpds's maps take type arguments in their stubs only

from typing import NamedTuple, assert_never

from rpds import HashTrieMap, HashTrieSet, Queue

from domain.decider import Decider
from domain.rejected import InsufficientStock, ReservationNotFound
from domain.stock_commands import (
    INITIAL_REFERENCE,
    AdjustStock,
    AnyStockCommand,
    CountStock,
    ReceiveStock,
    ReleaseReservation,
    ReserveStock,
    ShipReserved,
)
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.stock import (
    Purpose,
    RejectionReason,
    ReleaseReason,
    StockAdjusted,
    StockCounted,
    StockReceived,
    StockReleased,
    StockReservationRejected,
    StockReserved,
    StockShipped,
)
from event_schemas.topics import STOCK

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


def decide(state: StockItem, command: AnyStockCommand) -> list[Event]:
    """The events that follow. Raises ``InsufficientStock`` or ``ReservationNotFound``."""
    match command:
        case ReserveStock():
            return _reserve(state, command)
        case ReceiveStock():
            if command.reference is not None and (command.warehouse_id, command.reference) in state.initial_receipts:
                return []
            unit_cost = Money(**command.unit_cost.model_dump()) if command.unit_cost else None
            return [
                StockReceived(
                    sku=command.sku,
                    warehouse_id=command.warehouse_id,
                    quantity=command.quantity,
                    unit_cost=unit_cost,
                    reference=command.reference,
                )
            ]
        case CountStock():
            return _count(state, command)
        case AdjustStock():
            return _adjust(state, command)
        case ReleaseReservation():
            return _release(state, command)
        case ShipReserved():
            return _ship(state, command)
        case _:
            assert_never(command)


def _reserve(state: StockItem, command: ReserveStock) -> list[Event]:
    if command.reservation_id in state.reservations or state.closed.get(command.reservation_id):
        return []
    if command.reservation_id in state.closed:
        return [_refusal(state, command, RejectionReason.ALREADY_RELEASED)]
    warehouse_id = max(state.levels, key=lambda w: (state.levels[w].available, w), default=None)
    if warehouse_id is None or state.levels[warehouse_id].available < command.quantity:
        split = state.available >= command.quantity
        return [
            _refusal(state, command, RejectionReason.NO_SINGLE_WAREHOUSE if split else RejectionReason.OUT_OF_STOCK)
        ]
    return [
        StockReserved(
            sku=command.sku,
            reservation_id=command.reservation_id,
            purpose=command.purpose,
            ref_id=command.ref_id,
            warehouse_id=warehouse_id,
            quantity=command.quantity,
        )
    ]


def _refusal(state: StockItem, command: ReserveStock, reason: RejectionReason) -> StockReservationRejected:
    return StockReservationRejected(
        sku=command.sku,
        reservation_id=command.reservation_id,
        purpose=command.purpose,
        ref_id=command.ref_id,
        requested=command.quantity,
        available=state.available,
        reason=reason,
    )


def _count(state: StockItem, command: CountStock) -> list[Event]:
    level = state.level(command.warehouse_id)
    if level.on_hand == command.counted_quantity:
        return []
    events: list[Event] = [
        StockCounted(
            sku=command.sku,
            warehouse_id=command.warehouse_id,
            previous_quantity=level.on_hand,
            counted_quantity=command.counted_quantity,
        )
    ]
    missing = level.reserved - command.counted_quantity
    if missing <= 0:
        return events
    here = [(i, r) for i, r in state.reservations.items() if r.warehouse_id == command.warehouse_id]
    for reservation_id, reservation in sorted(here, key=lambda item: -item[1].number):
        if missing <= 0:
            break
        events.append(_released(command.sku, reservation_id, reservation, ReleaseReason.SHORTFALL))
        missing -= reservation.quantity
    return events


def _adjust(state: StockItem, command: AdjustStock) -> list[Event]:
    available = state.level(command.warehouse_id).available
    if command.delta == 0:
        return []
    if available + command.delta < 0:
        raise InsufficientStock(
            f"{command.warehouse_id} has {available} of {command.sku} available, {-command.delta} would be taken away",
            sku=command.sku,
            warehouse_id=command.warehouse_id,
            available=available,
        )
    return [
        StockAdjusted(
            sku=command.sku,
            warehouse_id=command.warehouse_id,
            delta=command.delta,
            reason=command.reason,
            reference=command.reference,
        )
    ]


def _release(state: StockItem, command: ReleaseReservation) -> list[Event]:
    reservation = state.reservations.get(command.reservation_id)
    if reservation is not None:
        return [_released(command.sku, command.reservation_id, reservation, command.reason)]
    if command.reservation_id in state.closed:
        return []
    return [StockReleased(sku=command.sku, reservation_id=command.reservation_id, quantity=0, reason=command.reason)]


def _released(sku: str, reservation_id: str, reservation: Reservation, reason: ReleaseReason) -> StockReleased:
    return StockReleased(
        sku=sku,
        reservation_id=reservation_id,
        warehouse_id=reservation.warehouse_id,
        purpose=reservation.purpose,
        ref_id=reservation.ref_id,
        quantity=reservation.quantity,
        reason=reason,
    )


def _ship(state: StockItem, command: ShipReserved) -> list[Event]:
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None:
        if command.reservation_id in state.closed:
            return []
        raise ReservationNotFound(
            f"SKU {command.sku} holds no reservation {command.reservation_id}", reservation_id=command.reservation_id
        )
    return [
        StockShipped(
            sku=command.sku,
            reservation_id=command.reservation_id,
            warehouse_id=reservation.warehouse_id,
            ref_id=reservation.ref_id,
            quantity=reservation.quantity,
            shipment_id=command.shipment_id,
        )
    ]


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


STOCK_ITEM: Decider[StockItem] = Decider(STOCK.name, StockItem(), decide, evolve)  # type: ignore[arg-type]
"""The rules of stock, as the writer of the topic ``stock`` runs them."""

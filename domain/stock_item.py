"""The rules of one SKU's stock ledger. Available = on hand less reserved, in each warehouse, and never below zero after
a decision: a promise is made from one warehouse's shelf or not at all, and a repeat of anything changes nothing.
"""

from typing import assert_never

from domain.decider import Decider
from domain.rejected import InsufficientStock, ReservationNotFound
from domain.stock_commands import (
    AdjustStock,
    AnyStockCommand,
    CountStock,
    ReceiveStock,
    ReleaseReservation,
    ReserveStock,
    ShipReserved,
)
from domain.stock_item_dump import dump, load
from domain.stock_item_state import Reservation, StockItem, evolve
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.stock import (
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


STOCK_ITEM: Decider[StockItem] = Decider(STOCK.name, StockItem(), decide, evolve, dump, load)  # type: ignore[arg-type]
"""The rules of stock, as the writer of the topic ``stock`` runs them."""

"""The saga of buying: ask each SKU for an order's goods, bring the answers to the order, give back what it lets go.

It does not decide whether an order stands: the order counts its answers itself.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from domain.decider import Command
from domain.ids import reservation_id
from domain.order_commands import RecordStock
from domain.order_state import demands
from domain.stock_commands import ReleaseReservation, ReserveStock
from domain.words import MOST_PIECES
from event_schemas.order import (
    OrderCancelled,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    OrderStockRecorded,
    Outcome,
    ReservationRef,
    StockResult,
)
from event_schemas.record import Recorded
from event_schemas.stock import Purpose, ReleaseReason, StockReservationRejected, StockReserved
from policies.policy import Intent, Policy

MOST_RESULTS = 2_000
"""Answers in one ``RecordStock``: no order has as many lines."""


def react(recorded: Recorded) -> Sequence[Command]:
    """The commands that follow from one event of an order or of the stock."""
    match recorded.event:
        case OrderPlaced() as placed:
            return _ask(placed)
        case OrderRejected(to_release=unwanted):
            return _give_back(unwanted, ReleaseReason.ORDER_REJECTED)
        case OrderCancelled(to_release=unwanted) | OrderStockRecorded(to_release=unwanted):
            return _give_back(unwanted, ReleaseReason.CANCELLED)
        case OrderExpired(to_release=unwanted):
            return _give_back(unwanted, ReleaseReason.EXPIRED)
        case StockReserved(purpose=Purpose.SALE) as reserved:
            return [_answer(reserved, Outcome.RESERVED, reserved.warehouse_id)]
        case StockReservationRejected(purpose=Purpose.SALE) as refused:
            return [_answer(refused, Outcome.REJECTED, None)]
        case _:
            return []


def _ask(placed: OrderPlaced) -> list[Command]:
    """One demand a SKU. A sum that no ledger can be asked for is answered here: the order is out of stock."""
    commands: list[Command] = []
    refused: list[StockResult] = []
    for sku, quantity in demands((line.sku, line.quantity) for line in placed.lines).items():
        reservation = reservation_id(placed.order_id, sku)
        if quantity > MOST_PIECES:
            refused.append(StockResult(reservation_id=reservation, sku=sku, outcome=Outcome.REJECTED))
        else:
            commands.append(
                ReserveStock(
                    sku=sku,
                    reservation_id=reservation,
                    purpose=Purpose.SALE,
                    ref_id=placed.order_id,
                    quantity=quantity,
                )
            )
    if refused:
        commands.append(RecordStock(order_id=placed.order_id, results=tuple(refused)))
    return commands


def _give_back(unwanted: Iterable[ReservationRef], reason: ReleaseReason) -> list[Command]:
    return [ReleaseReservation(sku=ref.sku, reservation_id=ref.reservation_id, reason=reason) for ref in unwanted]


def _answer(answer: StockReserved | StockReservationRejected, outcome: Outcome, warehouse: str | None) -> RecordStock:
    result = StockResult(reservation_id=answer.reservation_id, sku=answer.sku, outcome=outcome, warehouse_id=warehouse)
    return RecordStock(order_id=answer.ref_id, results=(result,))


class _Answers(NamedTuple):
    """What one read brought for one order, as it is gathered."""

    first: Intent
    causes: list[Recorded]
    results: dict[StockResult, None]

    def merged(self) -> Intent:
        """One command for all of them."""
        assert isinstance(self.first.command, RecordStock)
        command = RecordStock(order_id=self.first.command.order_id, results=tuple(self.results))
        return Intent(command, tuple(self.causes), self.first.number)


def merge(intents: Sequence[Intent]) -> list[Intent]:
    """The same commands with all answers to one order in one ``RecordStock``, at the place of its first.

    An order's answers may come in any order and any grouping, so its other commands need not be looked at.
    """
    merged: list[Intent | _Answers] = []
    gathering: dict[str, _Answers] = {}
    for intent in intents:
        if not isinstance(intent.command, RecordStock):
            merged.append(intent)
            continue
        order_id, results = intent.command.order_id, intent.command.results
        answers = gathering.get(order_id)
        if answers is None or len(answers.results) + len(results) > MOST_RESULTS:
            answers = gathering[order_id] = _Answers(intent, [], {})
            merged.append(answers)
        answers.causes.extend(intent.causes)
        answers.results.update(dict.fromkeys(results))
    return [each.merged() if isinstance(each, _Answers) else each for each in merged]


BUY = Policy(
    name="buy",
    reacts_to=frozenset(
        {
            OrderPlaced,
            OrderRejected,
            OrderCancelled,
            OrderExpired,
            OrderStockRecorded,
            StockReserved,
            StockReservationRejected,
        }
    ),
    react=react,
    merge=merge,
)
"""Orders and the stock that is promised to them."""

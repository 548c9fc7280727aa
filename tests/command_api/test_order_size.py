"""The largest order that is accepted can be settled: each answer to it fits into one batch of the log."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from command_api.fence.log import MAX_BATCH_BYTES
from command_api.intent import Intent
from command_api.writer.aggregate import Versioned
from command_api.writer.records import outgoing
from domain.decider import Command
from domain.ids import reservation_id
from domain.order import ORDER, Order
from domain.order_commands import CancelOrder, PlaceOrder, RecordStock
from domain.words import MOST_LINES, MOST_PIECES
from event_schemas.event import Event
from event_schemas.holder import Holder
from event_schemas.money import Money
from event_schemas.order import OrderLine, Outcome, StockResult

ORDER_ID = str(uuid4())
SKUS = [f"{number:064d}" for number in range(MOST_LINES)]


def largest() -> PlaceOrder:
    price, total = Money(amount=10**9, currency="USD"), Money(amount=10**16, currency="USD")
    lines = [
        OrderLine(
            line_id=str(number),
            product_id=str(uuid4()),
            sku=sku,
            name="N",
            quantity=MOST_PIECES,
            unit_price=price,
            line_total=total,
        )
        for number, sku in enumerate(SKUS, start=1)
    ]
    return PlaceOrder(order_id=ORDER_ID, order_number="SO", placed_at=datetime.now(UTC), lines=tuple(lines))


def answers(last: Outcome) -> RecordStock:
    outcomes = [*[Outcome.RESERVED] * (MOST_LINES - 1), last]
    results = [
        StockResult(reservation_id=reservation_id(ORDER_ID, sku), sku=sku, outcome=outcome, warehouse_id="W" * 32)
        for sku, outcome in zip(SKUS, outcomes, strict=True)
    ]
    return RecordStock(order_id=ORDER_ID, results=tuple(results))


def batch_bytes(command: Command, events: list[Event]) -> int:
    intent = Intent(command, "c" * 36, "f" * 32, "a" * 200, "c" * 200, "c" * 200)
    records = outgoing(intent, events, Versioned(1, None), Holder(1, "w" * 36), datetime.now(UTC))
    return sum(record.size for record in records)


@pytest.mark.parametrize("last", Outcome)
def test_an_order_of_the_most_lines_can_be_settled_and_cancelled_in_one_batch_each(last: Outcome) -> None:
    placed: Order = ORDER.fold(ORDER.decide(ORDER.initial, largest()))
    settled = list(ORDER.decide(placed, answers(last)))
    assert batch_bytes(answers(last), settled) <= MAX_BATCH_BYTES
    if last is Outcome.RESERVED:
        cancel = CancelOrder(order_id=ORDER_ID, reason="R" * 200, cancelled_by="C" * 200)
        assert batch_bytes(cancel, list(ORDER.decide(ORDER.fold(settled, placed), cancel))) <= MAX_BATCH_BYTES

"""The log of the poison benchmark: orders of one line, each placed and then confirmed by events of their own."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from command_api.fence.fence import Fence
from command_api.fence.kafka_log import KafkaLog
from command_api.fence.log import MAX_BATCH_BYTES, Outgoing
from command_api.intent import Intent
from command_api.order_lines import order_number
from command_api.request import command_identity, created_id
from command_api.writer.aggregate import Versioned
from command_api.writer.records import outgoing
from domain.ids import product_id
from domain.order import ORDER
from domain.order_commands import PlaceOrder
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.order import OrderConfirmed, OrderLine, OrderPlaced, SoldLine
from event_schemas.topics import ORDERS
from infra.http.principal import OPERATOR
from infra.partition_of import partition_of
from infra.settings import Settings

ROUTE = "POST /v1/orders"
SKUS, DAYS = 1_000, 30
BETWEEN = 500
"""So many other orders are placed between an order and its confirmation."""


async def fill(settings: Settings, orders: int) -> None:
    """Append so many orders to the log, two events each, under claims of their own. No command API may run.

    Raises `LogAway`, `OutcomeUnknown` or `Deposed`.
    """
    logs = [KafkaLog(settings.bootstrap_servers, ORDERS.name, number) for number in range(settings.partitions)]
    fences = [Fence(log, lambda _: None) for log in logs]
    for fence in fences:
        await fence.claim()
    batches: list[list[Outgoing]] = [[] for _ in fences]
    sizes = [0] * len(fences)
    for intent, version, event in _events(orders):
        number = partition_of(intent.command.aggregate_id, settings.partitions)
        records = outgoing(intent, [event], Versioned(version, None), fences[number].holder, datetime.now(UTC))
        size = sum(record.size for record in records)
        if sizes[number] + size > MAX_BATCH_BYTES:
            await fences[number].append(batches[number])
            batches[number], sizes[number] = [], 0
        batches[number] += records
        sizes[number] += size
    for log, fence, batch in zip(logs, fences, batches, strict=True):
        if batch:
            await fence.append(batch)
        await log.close()


def _events(orders: int) -> Iterator[tuple[Intent, int, Event]]:
    """Each with its command, and the version of its order before it."""
    lines = [_line(number) for number in range(SKUS)]
    began, waiting = datetime.now(UTC) - timedelta(days=DAYS), deque[tuple[Intent, int, Event]]()
    for number in range(orders):
        command_id = command_identity(OPERATOR, ROUTE, f"poison-{number}")
        order_id = created_id(command_id)
        at = began + timedelta(days=DAYS) * (number / orders)
        command = PlaceOrder(
            order_id=order_id, order_number=order_number(order_id), placed_at=at, lines=(lines[number % SKUS],)
        )
        intent = Intent(command, command_id, "", str(OPERATOR), command_id, command_id, at)
        (placed,) = ORDER.decide(ORDER.initial, command)
        assert isinstance(placed, OrderPlaced)
        yield intent, 0, placed
        waiting.append((intent, 1, _confirmed(placed)))
        if len(waiting) > BETWEEN:
            yield waiting.popleft()
    yield from waiting


def _line(number: int) -> OrderLine:
    sku, price = f"SKU-{number:04}", Money(amount=100 + number, currency="EUR")
    return OrderLine(
        line_id="1",
        product_id=product_id(sku),
        sku=sku,
        name=f"Thing {number}",
        quantity=1,
        unit_price=price,
        line_total=price,
    )


def _confirmed(placed: OrderPlaced) -> OrderConfirmed:
    (line,) = placed.lines
    sold = SoldLine(sku=line.sku, product_id=line.product_id, quantity=line.quantity, line_total=line.line_total)
    return OrderConfirmed(order_id=placed.order_id, placed_at=placed.placed_at, lines=(sold,))

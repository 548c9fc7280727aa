"""The log that read models are rebuilt from: orders of two lines, each placed and then confirmed.

Each confirmation lies some orders behind its placing, as it does with customers who come at the same time. An order is
confirmed by one event here, where the saga appends three: so a rebuild of n events has n / 2 orders to write.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.append import Decided, append
from command_api.intent import Intent
from command_api.order import NewOrder
from command_api.order_lines import Item, order_number
from command_api.request import CommandRequest, command_identity, created_id
from command_api.writer.aggregate import Versioned
from domain.ids import product_id
from domain.order import ORDER
from domain.order_commands import PlaceOrder
from event_schemas.money import Money
from event_schemas.order import OrderConfirmed, OrderLine, OrderPlaced, SoldLine
from event_schemas.topics import ORDERS
from infra.principal import OPERATOR
from infra.settings import Settings

ROUTE = "POST /v1/orders"
BODY = NewOrder(items=(Item(sku="SKU-0000", quantity=1),))
FINGERPRINT = CommandRequest(OPERATOR, ROUTE, "", True, None, None).fingerprint("/v1/orders", BODY)
"""Of one request for all: only its length matters here."""
POLICY = "system:fulfilment"
SKUS = 1_000
USERS = 10_000
DAYS = 30
"""Orders are spread over so many days."""
PIECES = 1 + 2
"""Of an order: its first line has one, its second two."""
BETWEEN = 500
"""So many other orders are placed between an order and its confirmation."""


async def fill(settings: Settings, orders: int) -> None:
    """Append the events of so many orders, two each. No command API may run. Raises `OutcomeUnknown` or `Deposed`."""
    await append(settings, ORDERS.name, _decided(orders))


def _decided(orders: int) -> Iterator[Decided]:
    firsts, seconds = ([_line(place, number) for number in range(SKUS)] for place in (1, 2))
    gap = timedelta(days=DAYS) / orders
    began = datetime.now(UTC) - timedelta(days=DAYS)
    waiting: deque[Decided] = deque()
    for number in range(orders):
        lines = firsts[number % SKUS], seconds[number * 7 % SKUS]
        placing = _placing(number, lines, began + number * gap)
        (placed,) = ORDER.decide(ORDER.initial, placing.command)
        assert isinstance(placed, OrderPlaced)
        yield placing, Versioned(0, ORDER.initial), [placed]
        waiting.append((_confirming(placing), Versioned(1, None), [_confirmed(placed)]))
        if len(waiting) > BETWEEN:
            yield waiting.popleft()
    yield from waiting


def _line(place: int, number: int) -> OrderLine:
    sku, price, quantity = f"SKU-{number:04}", 100 + number, place
    return OrderLine(
        line_id=str(place),
        product_id=product_id(sku),
        sku=sku,
        name=f"Thing number {number}",
        quantity=quantity,
        unit_price=Money(amount=price, currency="EUR"),
        line_total=Money(amount=price * quantity, currency="EUR"),
    )


def _placing(number: int, lines: tuple[OrderLine, ...], at: datetime) -> Intent:
    command_id = command_identity(OPERATOR, ROUTE, f"projections-{number}")
    placed = created_id(command_id)
    command = PlaceOrder(
        order_id=placed,
        order_number=order_number(placed),
        user_id=f"user-{number % USERS}",
        placed_at=at,
        lines=lines,
        country="Germany",
    )
    return Intent(command, command_id, FINGERPRINT, str(OPERATOR), command_id, command_id, at)


def _confirming(placing: Intent) -> Intent:
    command_id = command_identity(OPERATOR, ROUTE, f"{placing.command.aggregate_id}-confirmed")
    return placing._replace(command_id=command_id, fingerprint="", actor=POLICY, causation_id=placing.command_id)


def _confirmed(placed: OrderPlaced) -> OrderConfirmed:
    sold = (
        SoldLine(sku=line.sku, product_id=line.product_id, quantity=line.quantity, line_total=line.line_total)
        for line in placed.lines
    )
    return OrderConfirmed(order_id=placed.order_id, placed_at=placed.placed_at, lines=tuple(sold))

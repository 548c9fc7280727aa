"""The orders that fill a log, as the command API would have appended them, and the requests that they stand for.

They are decided by the rules of the domain and appended through the product's own fence, see `append`. Each has a key
of its own, so the window of keys is full when there are more of them than it holds; none has a deadline, as orders from
history have none.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks.append import append
from command_api.intent import Intent
from command_api.order import NewOrder
from command_api.order_lines import Item, order_number
from command_api.request import CommandRequest, command_identity, created_id
from command_api.writer.aggregate import Versioned
from domain.ids import product_id
from domain.order import ORDER
from domain.order_commands import PlaceOrder
from event_schemas.money import Money
from event_schemas.order import OrderLine
from event_schemas.topics import ORDERS
from infra.principal import OPERATOR
from infra.settings import Settings

PATH = "/v1/orders"
ROUTE = f"POST {PATH}"
SKU, NAME, PRICE = "SCALE-1", "A thing", 100
BODY = NewOrder(items=(Item(sku=SKU, quantity=1),))


def key(number: int) -> str:
    """The Idempotency-Key of the order of that number, from 0."""
    return f"scale-{number}"


def order_id(idempotency_key: str) -> str:
    """The id of the order that is placed with a key."""
    return created_id(command_identity(OPERATOR, ROUTE, idempotency_key))


async def fill(settings: Settings, orders: int) -> None:
    """Append so many orders to the log. No command API may run. Raises `OutcomeUnknown` or `Deposed`."""
    new = Versioned(0, ORDER.initial)
    placed = ((intent, new, ORDER.decide(ORDER.initial, intent.command)) for intent in _intents(orders))
    await append(settings, ORDERS.name, placed)


def _intents(orders: int) -> Iterator[Intent]:
    price = Money(amount=PRICE, currency="EUR")
    product = product_id(SKU)
    line = OrderLine(
        line_id="1", product_id=product, sku=SKU, name=NAME, quantity=1, unit_price=price, line_total=price
    )
    fingerprint = CommandRequest(OPERATOR, ROUTE, "", True, None, None).fingerprint(PATH, BODY)
    actor, now = str(OPERATOR), datetime.now(UTC)
    for number in range(orders):
        command_id = command_identity(OPERATOR, ROUTE, key(number))
        placed = created_id(command_id)
        command = PlaceOrder(order_id=placed, order_number=order_number(placed), placed_at=now, lines=(line,))
        yield Intent(command, command_id, fingerprint, actor, command_id, command_id)

"""An order in the `eventsourcing` package, with the fields of `order.placed`, and the application that saves it."""

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import orjson
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Transcoder

AnOrder = TypeVar("AnOrder", bound="Order")
Json = dict[str, Any]
DEADLINE = timedelta(minutes=15)


class Order(Aggregate):
    """An order as the package's documentation would write it: placing it is its only event."""

    @event("Placed")
    def __init__(
        self,
        order_number: str,
        user_id: str | None,
        placed_at: datetime,
        lines: list[Json],
        subtotal: Json,
        total: Json,
        country: str | None = None,
        payment_method: str | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        self.order_number = order_number
        self.user_id = user_id
        self.placed_at = placed_at
        self.lines = lines
        self.subtotal = subtotal
        self.total = total
        self.country = country
        self.payment_method = payment_method
        self.expires_at = expires_at
        self.status = "PENDING"


class OrjsonTranscoder(Transcoder):
    """Takes a third of the time of the package's own, which walks objects with Python's json."""

    def encode(self, obj: Any) -> bytes:
        """The state of an event as JSON."""
        return orjson.dumps(obj)

    def decode(self, data: bytes) -> Any:
        """What `encode` wrote; identifiers and times stay text, for nothing here reads an event back."""
        return orjson.loads(data)


class Orders(Application[UUID]):
    """Saves orders. `app.save(order)` is one transaction with one event."""

    def construct_transcoder(self) -> Transcoder:
        """See `Application`."""
        return OrjsonTranscoder()


def new_order(kind: type[AnOrder], number: int, now: datetime, lines: int = 1) -> AnOrder:
    """An order of so many lines of one piece, with the values that the command API would have put in."""
    price = {"amount": 100, "currency": "EUR"}
    line = {
        "product_id": "0196f0c4-5d0e-7a3b-9f53-2b7c0d1e4f60",
        "sku": "B-1",
        "name": "Bench",
        "quantity": 1,
        "unit_price": price,
        "line_total": price,
    }
    total = {"amount": 100 * lines, "currency": "EUR"}
    return kind(
        order_number=f"O-{number:012d}",
        user_id=f"user-{number % 1_000}",
        placed_at=now,
        lines=[{"line_id": str(place), **line} for place in range(1, lines + 1)],
        subtotal=total,
        total=total,
        expires_at=now + DEADLINE,
    )

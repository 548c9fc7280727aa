"""Events as a projection gets them: a log in memory that numbers offsets per partition and versions per aggregate."""

from datetime import UTC, datetime

from uuid_utils.compat import uuid7

from event_schemas import catalog, order, stock
from event_schemas.codec import encode
from event_schemas.envelope import Envelope
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.record import Recorded

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)


def gbp(amount: int) -> Money:
    """So many pence."""
    return Money(amount=amount, currency="GBP")


class Log:
    """Makes what a reader of the log would see of events that are appended one after the other."""

    def __init__(self) -> None:
        self._offsets: dict[tuple[str, int], int] = {}
        self._versions: dict[str, int] = {}

    def add(
        self,
        event: Event,
        *,
        partition: int = 0,
        at: datetime = NOON,
        actor: str = "user:u1",
        subject: str = "",
        correlation_id: str = "c",
        causation_id: str = "c",
        command_id: str = "c",
    ) -> Recorded:
        """The event at the next offset of its partition; its first field names its aggregate."""
        subject = subject or str(getattr(event, next(iter(type(event).model_fields))))
        place = (event.topic, partition)
        offset = self._offsets.get(place, 0)
        self._offsets[place] = offset + 1
        self._versions[subject] = self._versions.get(subject, 0) + 1
        envelope = Envelope(
            id=str(uuid7()),
            type=event.wire_type,
            subject=subject,
            time=at,
            sequence=self._versions[subject],
            command_id=command_id,
            correlation_id=correlation_id,
            causation_id=causation_id,
            actor=actor,
            writer="w",
            epoch=1,
        )
        return Recorded(event.topic, partition, offset, int(at.timestamp() * 1000), envelope, event, encode(event))


def received(sku: str, quantity: int, warehouse_id: str = "MAIN") -> stock.StockReceived:
    """Goods arrive."""
    return stock.StockReceived(sku=sku, warehouse_id=warehouse_id, quantity=quantity)


def reserved(sku: str, reservation_id: str, quantity: int, warehouse_id: str = "MAIN") -> stock.StockReserved:
    """Goods are promised to the order `o-<reservation_id>`."""
    return stock.StockReserved(
        sku=sku,
        reservation_id=reservation_id,
        purpose=stock.Purpose.SALE,
        ref_id=f"o-{reservation_id}",
        warehouse_id=warehouse_id,
        quantity=quantity,
    )


def released(sku: str, reservation_id: str, quantity: int, warehouse_id: str | None = "MAIN") -> stock.StockReleased:
    """A promise is taken back, as its order was cancelled."""
    return stock.StockReleased(
        sku=sku,
        reservation_id=reservation_id,
        warehouse_id=warehouse_id,
        purpose=stock.Purpose.SALE,
        ref_id=f"o-{reservation_id}",
        quantity=quantity,
        reason=stock.ReleaseReason.CANCELLED,
    )


def placed(
    order_id: str, lines: dict[str, int], *, user_id: str | None = "u1", at: datetime = NOON, price: int = 250
) -> order.OrderPlaced:
    """An order of `lines` (SKU to quantity), each piece at `price` pence; product ids are `p-<sku>`."""
    total = sum(lines.values()) * price
    return order.OrderPlaced(
        order_id=order_id,
        order_number=f"N-{order_id}",
        user_id=user_id,
        placed_at=at,
        lines=tuple(
            order.OrderLine(
                line_id=f"{order_id}-{number}",
                product_id=f"p-{sku}",
                sku=sku,
                name=f"Name of {sku}",
                quantity=quantity,
                unit_price=gbp(price),
                line_total=gbp(price * quantity),
            )
            for number, (sku, quantity) in enumerate(lines.items(), 1)
        ),
        subtotal=gbp(total),
        total=gbp(total),
        country="Norway",
    )


def sold_lines(lines: dict[str, int], price: int = 250) -> tuple[order.SoldLine, ...]:
    """What a sale counts of `lines` (SKU to quantity)."""
    return tuple(
        order.SoldLine(sku=sku, product_id=f"p-{sku}", quantity=quantity, line_total=gbp(price * quantity))
        for sku, quantity in lines.items()
    )


def confirmed(order_id: str, lines: dict[str, int], *, at: datetime = NOON) -> order.OrderConfirmed:
    """The order stands and counts as sold on the day of `at`."""
    return order.OrderConfirmed(order_id=order_id, placed_at=at, lines=sold_lines(lines))


def cancelled(order_id: str, lines: dict[str, int], *, at: datetime = NOON) -> order.OrderCancelled:
    """The order was called off; `lines` no longer count as sold."""
    return order.OrderCancelled(
        order_id=order_id, reason="CHANGED_MIND", cancelled_by="user:u1", placed_at=at, sold=sold_lines(lines)
    )


def added(sku: str, name: str, price: int = 250, **fields: object) -> catalog.ProductAdded:
    """A product `p-<sku>` with one variant at `price` pence; `fields` as in the event."""
    return catalog.ProductAdded.model_validate(
        {
            "product_id": f"p-{sku}",
            "kind": "BOOK" if "book" in fields else "GOOD",
            "name": name,
            "variants": [{"sku": sku, "price": {"amount": price, "currency": "GBP"}}],
            **fields,
        }
    )

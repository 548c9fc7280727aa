"""Events of orders: placed, promised, confirmed or refused. The order itself counts the answers of its SKUs."""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from event_schemas.catalog import Part
from event_schemas.event import Event, event
from event_schemas.money import Money
from event_schemas.topics import ORDERS


class OrderStatus(StrEnum):
    """Where an order stands. Read models show it; the order's own state decides by it."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class OrderRejection(StrEnum):
    """Why an order was refused."""

    OUT_OF_STOCK = "OUT_OF_STOCK"


class Outcome(StrEnum):
    """What the stock of one SKU answered to an order."""

    RESERVED = "RESERVED"
    REJECTED = "REJECTED"


class OrderLine(Part):
    """One line as it was ordered; name and price are frozen at that moment."""

    line_id: str
    product_id: str
    sku: str
    name: str
    quantity: int = Field(ge=1)
    unit_price: Money
    line_total: Money


class StockResult(Part):
    """The answer of one SKU to an order's demand on it."""

    reservation_id: str
    sku: str
    outcome: Outcome
    warehouse_id: str | None = None


class LineReservation(Part):
    """Which promise covers a line, and where the goods lie."""

    line_id: str
    reservation_id: str
    warehouse_id: str


class ReservationRef(Part):
    """A promise that is no longer needed, by the SKU whose ledger holds it."""

    sku: str
    reservation_id: str


class SoldLine(Part):
    """What a sale counts of one line."""

    sku: str
    product_id: str
    quantity: int
    line_total: Money


@event("order.placed", topic=ORDERS.name)
class OrderPlaced(Event):
    """A customer, or a guest, ordered. Prices are fixed; whether the stock suffices is being asked of each SKU.

    Unless the order is settled before ``expires_at``, it expires then; orders from history have no such deadline.
    """

    order_id: str
    order_number: str
    user_id: str | None = None
    placed_at: datetime
    lines: tuple[OrderLine, ...]
    subtotal: Money
    total: Money
    country: str | None = None
    payment_method: str | None = None
    expires_at: AwareDatetime | None = None


@event("order.stock_recorded", topic=ORDERS.name)
class OrderStockRecorded(Event):
    """Some SKUs answered. The order waits for the rest, or decides if these were the last.

    ``to_release`` names promises that came too late, for an order that is closed already.
    """

    order_id: str
    results: tuple[StockResult, ...]
    to_release: tuple[ReservationRef, ...] = ()


@event("order.stock_confirmed", topic=ORDERS.name)
class OrderStockConfirmed(Event):
    """Every line of the order has its goods promised."""

    order_id: str
    reservations: tuple[LineReservation, ...]


@event("order.confirmed", topic=ORDERS.name)
class OrderConfirmed(Event):
    """The order stands: its goods are promised, nothing is left to pay. It counts as sold on the day it was placed."""

    order_id: str
    payment_id: str | None = None
    placed_at: datetime
    lines: tuple[SoldLine, ...]


@event("order.rejected", topic=ORDERS.name)
class OrderRejected(Event):
    """The order cannot be served. What had been promised to it, ``to_release``, goes back to the shelf."""

    order_id: str
    reason: OrderRejection
    skus: tuple[str, ...] = ()
    to_release: tuple[ReservationRef, ...] = ()


@event("order.cancelled", topic=ORDERS.name)
class OrderCancelled(Event):
    """The order was called off before anything was sent. Its goods go back to the shelf.

    ``sold`` names what no longer counts as sold; it is empty when the order had not been confirmed.
    """

    order_id: str
    reason: str
    cancelled_by: str
    placed_at: datetime
    to_release: tuple[ReservationRef, ...] = ()
    sold: tuple[SoldLine, ...] = ()


@event("order.expired", topic=ORDERS.name)
class OrderExpired(Event):
    """The order's deadline passed before it was settled. What had been promised to it goes back to the shelf."""

    order_id: str
    placed_at: datetime
    to_release: tuple[ReservationRef, ...] = ()


@event("order.flagged", topic=ORDERS.name)
class OrderFlagged(Event):
    """Something happened to the order that a person must look at, such as goods that a count showed to be missing."""

    order_id: str
    reason: str
    sku: str | None = None

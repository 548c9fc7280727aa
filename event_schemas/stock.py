"""Events of the stock ledger, one ledger per SKU: what came in, what is promised to whom, what left."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from event_schemas.event import Event, event
from event_schemas.money import Money
from event_schemas.topics import STOCK


class Purpose(StrEnum):
    """What a reservation is for: to sell, to lend, or to be picked up by the next reader."""

    SALE = "SALE"
    LOAN = "LOAN"
    PICKUP = "PICKUP"


class ReleaseReason(StrEnum):
    """Why reserved stock is free again."""

    CANCELLED = "CANCELLED"
    ORDER_REJECTED = "ORDER_REJECTED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    EXPIRED = "EXPIRED"
    PICKUP_LAPSED = "PICKUP_LAPSED"
    SHORTFALL = "SHORTFALL"


class RejectionReason(StrEnum):
    """Why a reservation was refused."""

    OUT_OF_STOCK = "OUT_OF_STOCK"
    NO_SINGLE_WAREHOUSE = "NO_SINGLE_WAREHOUSE"
    ALREADY_RELEASED = "ALREADY_RELEASED"


class AdjustmentReason(StrEnum):
    """Why stock was adjusted by hand."""

    WRITE_OFF = "WRITE_OFF"
    DAMAGED = "DAMAGED"
    LOST = "LOST"
    FOUND = "FOUND"
    CORRECTION = "CORRECTION"


@event("stock.received", topic=STOCK.name)
class StockReceived(Event):
    """Goods arrived in a warehouse and can be sold or lent from now on."""

    sku: str
    warehouse_id: str
    quantity: int = Field(ge=1)
    unit_cost: Money | None = None
    reference: str | None = None


@event("stock.counted", topic=STOCK.name)
class StockCounted(Event):
    """Somebody counted the shelf. The count is the truth, whatever the ledger said before."""

    sku: str
    warehouse_id: str
    previous_quantity: int = Field(ge=0)
    counted_quantity: int = Field(ge=0)


@event("stock.adjusted", topic=STOCK.name)
class StockAdjusted(Event):
    """The number on the shelf was corrected by a difference: written off, found again, or put right."""

    sku: str
    warehouse_id: str
    delta: int
    reason: AdjustmentReason
    reference: str | None = None


@event("stock.reserved", topic=STOCK.name)
class StockReserved(Event):
    """Stock on one warehouse's shelf was promised to an order or a reader. Nobody else gets it until its release."""

    sku: str
    reservation_id: str
    purpose: Purpose
    ref_id: str
    warehouse_id: str
    quantity: int = Field(ge=1)
    expires_at: datetime | None = None


@event("stock.reservation_rejected", topic=STOCK.name)
class StockReservationRejected(Event):
    """A promise was refused, since the shelf does not hold as much. Nothing changed on the shelf."""

    sku: str
    reservation_id: str
    purpose: Purpose
    ref_id: str
    requested: int = Field(ge=1)
    available: int
    reason: RejectionReason


@event("stock.released", topic=STOCK.name)
class StockReleased(Event):
    """Promised stock is free again. Quantity 0: nothing had been promised yet, and a late promise will be refused."""

    sku: str
    reservation_id: str
    warehouse_id: str | None = None
    purpose: Purpose | None = None
    ref_id: str | None = None
    quantity: int = Field(ge=0)
    reason: ReleaseReason


@event("stock.shipped", topic=STOCK.name)
class StockShipped(Event):
    """Promised stock left the warehouse with a shipment."""

    sku: str
    reservation_id: str
    warehouse_id: str
    ref_id: str
    quantity: int = Field(ge=1)
    shipment_id: str

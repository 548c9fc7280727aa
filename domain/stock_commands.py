"""What can be asked of one SKU's stock ledger."""

from typing import ClassVar, Literal

from pydantic import Field

from domain.decider import Command
from domain.words import MOST_PIECES, Code, Price, Quantity, Sku, WarehouseId
from event_schemas.stock import AdjustmentReason, Purpose, ReleaseReason
from event_schemas.topics import STOCK

INITIAL_REFERENCE = "initial:"
"""How the reference of a receipt begins that is taken only once: the stock that a product was added with."""


class StockCommand(Command):
    """A command on the ledger of one SKU."""

    topic: ClassVar[str] = STOCK.name
    sku: Sku

    @property
    def aggregate_id(self) -> str:
        """The SKU."""
        return self.sku


class ReceiveStock(StockCommand):
    """Goods have arrived. With a reference that begins with ``initial:`` they are taken once per warehouse."""

    type: Literal["ReceiveStock"] = "ReceiveStock"
    warehouse_id: WarehouseId = "MAIN"
    quantity: Quantity
    unit_cost: Price | None = None
    reference: Code | None = None


class CountStock(StockCommand):
    """The shelf was counted; the count is the truth."""

    type: Literal["CountStock"] = "CountStock"
    warehouse_id: WarehouseId = "MAIN"
    counted_quantity: int = Field(ge=0, le=1_000_000_000, strict=True)


class AdjustStock(StockCommand):
    """Correct the number on the shelf by a difference."""

    type: Literal["AdjustStock"] = "AdjustStock"
    warehouse_id: WarehouseId = "MAIN"
    delta: int = Field(ge=-MOST_PIECES, le=MOST_PIECES, strict=True)
    reason: AdjustmentReason
    reference: Code | None = None


class ReserveStock(StockCommand):
    """Promise stock to an order or a reader. The reservation's id makes a repeat harmless."""

    type: Literal["ReserveStock"] = "ReserveStock"
    reservation_id: Code
    purpose: Purpose
    ref_id: Code
    quantity: Quantity


class ReleaseReservation(StockCommand):
    """Free what was promised. Of an unknown reservation it leaves a mark that refuses a late promise."""

    type: Literal["ReleaseReservation"] = "ReleaseReservation"
    reservation_id: Code
    reason: ReleaseReason


class ShipReserved(StockCommand):
    """Send off what was promised."""

    type: Literal["ShipReserved"] = "ShipReserved"
    reservation_id: Code
    shipment_id: Code


AnyStockCommand = ReceiveStock | CountStock | AdjustStock | ReserveStock | ReleaseReservation | ShipReserved

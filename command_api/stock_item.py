"""Endpoints of stock: receive, count, adjust. Promises are made by policies, not over these routes."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from command_api.desk import AtDesk, Desk
from command_api.request import Asked, CommandRequest
from domain.stock_commands import AdjustStock, AnyStockCommand, CountStock, ReceiveStock
from domain.words import Code, Quantity, Sku, WarehouseId
from event_schemas.stock import AdjustmentReason
from event_schemas.topics import STOCK

router = APIRouter(prefix="/v1/stock", tags=["stock"])
SkuPath = Annotated[Sku, Path(examples=["P-0D1F3C1E5A0E5B1E"])]


class Receipt(BaseModel):
    """Goods that arrived."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"quantity": 50, "reference": "PO-17"}]})

    warehouse_id: WarehouseId = "MAIN"
    quantity: Quantity
    reference: Code | None = None


class Count(BaseModel):
    """What was counted on the shelf."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"counted_quantity": 48}]})

    counted_quantity: int = Field(ge=0, le=1_000_000_000, strict=True)


class Adjustment(BaseModel):
    """A correction by a difference."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"delta": -2, "reason": "DAMAGED"}]})

    warehouse_id: WarehouseId = "MAIN"
    delta: int = Field(ge=-10_000_000, le=10_000_000, strict=True)
    reason: AdjustmentReason
    reference: Code | None = None


@router.post("/{sku}/receipts", status_code=201, summary="Receive stock")
async def receive_stock(sku: SkuPath, body: Receipt, asked: Asked, desk: AtDesk) -> Response:
    """Take goods in. Answers 201 with the event; 404 ``product_not_found`` when the SKU has no product."""
    command = ReceiveStock(sku=sku, **body.model_dump())
    return await _carry_out(desk, asked, f"/v1/stock/{sku}/receipts", body, command, 201)


@router.put("/{sku}/{warehouse_id}/count", summary="Count stock")
async def count_stock(sku: SkuPath, warehouse_id: WarehouseId, body: Count, asked: Asked, desk: AtDesk) -> Response:
    """Set what is on the shelf to what was counted. Where that is less than what is promised, the newest promises are
    released and their orders flagged. Answers 200 with the events; 404 ``product_not_found``.
    """
    command = CountStock(sku=sku, warehouse_id=warehouse_id, counted_quantity=body.counted_quantity)
    return await _carry_out(desk, asked, f"/v1/stock/{sku}/{warehouse_id}/count", body, command, 200)


@router.post("/{sku}/adjustments", status_code=201, summary="Adjust stock")
async def adjust_stock(sku: SkuPath, body: Adjustment, asked: Asked, desk: AtDesk) -> Response:
    """Correct the number on the shelf by a difference. Answers 201 with the event; 404 ``product_not_found``,
    409 ``insufficient_stock`` when less is available than would be taken away.
    """
    command = AdjustStock(sku=sku, **body.model_dump())
    return await _carry_out(desk, asked, f"/v1/stock/{sku}/adjustments", body, command, 201)


async def _carry_out(
    desk: Desk, asked: CommandRequest, path: str, body: BaseModel, command: AnyStockCommand, status: int
) -> Response:
    async def make() -> AnyStockCommand:
        await desk.offers(asked.tokens).find(sku=command.sku)
        return command

    answer = await desk.carry_out(asked, path, body, make, of=(STOCK.name, command.sku))
    return desk.respond(answer, desk.told(answer), status=status, location=f"/v1/stock/{quote(command.sku)}")

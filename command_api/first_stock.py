"""Waiting for a product's first stock, which a policy receives; its owner may be another than the product's."""

from contextlib import suppress
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Response

from command_api.desk import AtDesk, Desk
from command_api.group.elsewhere import HeldElsewhere
from command_api.request import Asked
from domain.stock_commands import INITIAL_REFERENCE
from domain.stock_item_state import StockItem
from domain.words import Code, Sku
from event_schemas.topics import STOCK
from infra.http.problems import Problem

router = APIRouter(prefix="/v1/stock", tags=["stock"])
LEEWAY_SECONDS = 1.0
"""What the owner's answer may take beyond the wait."""


@router.get("/{sku}/first-receipt/{product_id}", include_in_schema=False)
async def first_receipt(
    sku: Annotated[Sku, Path()], product_id: Annotated[Code, Path()], asked: Asked, desk: AtDesk
) -> Response:
    """Among instances: 204 once a product's first stock is received, 202 when it is not within ``Prefer: wait``."""
    with asked.stepped_aside():
        return Response(status_code=204 if await _here(desk, sku, product_id, asked.wait_seconds or 0.0) else 202)


async def first_stock(desk: Desk, sku: str, product_id: str, seconds: float) -> None:
    """Wait at most ``seconds`` until the product's first stock is on the shelf, here or at the owner of the SKU.

    Raises no ``Problem``: the product is added, and that its stock cannot be seen yet is no failure of it.
    """
    with suppress(Problem):
        try:
            await _here(desk, sku, product_id, seconds)
        except HeldElsewhere as elsewhere:
            path = f"/v1/stock/{quote(sku, safe='')}/first-receipt/{quote(product_id, safe='')}"
            headers = [(b"prefer", f"wait={seconds:.3f}".encode())]
            await desk.group.forward(
                elsewhere.shard, "GET", path, headers, b"", deadline_seconds=seconds + LEEWAY_SECONDS
            )


async def _here(desk: Desk, sku: str, product_id: str, seconds: float) -> bool:
    writer = desk.writers.of(STOCK.name, sku)
    reference = f"{INITIAL_REFERENCE}{product_id}"

    def received(state: StockItem) -> bool:
        return any(known == reference for _, known in state.initial_receipts)

    with writer.watches.on(sku) as watch:
        await writer.ready(sku)
        if received(writer.acknowledged(sku).state):
            return True
        return await watch.until(lambda _, state: received(state), seconds)

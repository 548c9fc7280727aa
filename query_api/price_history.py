"""Endpoint of the prices that a product has had, from the read model `catalog`."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from infra.http.principal import CurrentPrincipal
from query_api.cursor import read_cursor, write_cursor
from query_api.money import major
from query_api.paging import Cursor, Limit
from query_api.refusals import ProductNotFound
from query_api.sources import FromSources, applied

router = APIRouter(prefix="/v1/products", tags=["catalog"])

PRICES = """
SELECT sku, old_price, new_price, currency, actor, at, sequence FROM catalog.price_history
WHERE product_id = $1 AND (sequence < $2 OR sequence = $2 AND sku > $3) ORDER BY sequence DESC, sku LIMIT $4
"""
NEWEST = 2**63 - 1, ""
"""Stands before every price."""


class PriceChange(BaseModel):
    """A price that held from `at` on. `old_price` is null for the first."""

    sku: str
    old_price: float | None
    new_price: float
    currency: str
    actor: str
    at: datetime


class PriceHistory(BaseModel):
    """A page of the prices of a product, newest first."""

    items: list[PriceChange]
    next_cursor: str | None = None


@router.get("/{product_id}/price-history", response_model=PriceHistory, dependencies=[Depends(applied("catalog"))])
async def get_price_history(
    principal: CurrentPrincipal, sources: FromSources, product_id: str, cursor: Cursor = None, limit: Limit = 50
) -> dict[str, Any]:
    """The prices that a product has had, newest first. `404 product_not_found`, `400 bad_cursor`."""
    named = ("prices", product_id)
    after = read_cursor(named, cursor, (int, str)) if cursor is not None else NEWEST
    rows = await sources.postgres.rows(PRICES, product_id, *after, limit + 1)
    if not rows and cursor is None:
        raise ProductNotFound(f"No product has the id {product_id!r}.")
    page, more = rows[:limit], len(rows) > limit
    prices = ({"old_price": major(row["old_price"]), "new_price": major(row["new_price"])} for row in page)
    return {
        "items": [{**dict(row), **price} for row, price in zip(page, prices, strict=True)],
        "next_cursor": write_cursor(named, (page[-1]["sequence"], page[-1]["sku"])) if more else None,
    }

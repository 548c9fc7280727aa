"""Endpoint of what is bought together with a product, from the streams."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from infra.http.consistency_token import HEADER
from infra.http.principal import CurrentPrincipal
from query_api import live
from query_api.paging import Limit
from query_api.refusals import ProductNotFound
from query_api.sources import FromSources, applied

router = APIRouter(prefix="/v1/products", tags=["sales"])

_EXAMPLE: JsonDict = {
    "product_id": "5c1b0d7e-6a0e-5d5e-9f8e-0b8d6c9a4f11",
    "sku": "22197",
    "name": "SMALL POPCORN HOLDER",
    "orders": 212,
}


class Recommendation(BaseModel):
    """A product by how many orders had both. SKU and name are null while the catalog does not know it yet."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    product_id: str
    sku: str | None
    name: str | None
    orders: int


class Recommendations(BaseModel):
    """What is bought together with a product, as it was published at `as_of`."""

    product_id: str
    as_of: datetime
    items: list[Recommendation]


@router.get("/{product_id}/recommendations", response_model=Recommendations, dependencies=[Depends(applied("catalog"))])
async def get_recommendations(
    principal: CurrentPrincipal, sources: FromSources, request: Request, product_id: str, limit: Limit = 10
) -> dict[str, Any]:
    """What came most often in confirmed orders with this product. Of an order its first 50 products count. Counts are
    exact while a product has come with at most 30 others, and lower bounds then. `404 product_not_found`.
    """
    tokened = HEADER in request.headers
    if (await sources.names.of([product_id], now=tokened))[product_id].sku is None:
        raise ProductNotFound(f"No product has the id {product_id!r}.")
    found = await live.together(sources, product_id, limit)
    names = await sources.names.of((other for other, _ in found.members), now=tokened)
    items = [{"product_id": other, **names[other]._asdict(), "orders": orders} for other, orders in found.members]
    return {"product_id": product_id, "as_of": found.as_of, "items": items}

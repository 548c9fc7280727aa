"""Endpoint of the read model `sales`: pieces and revenue per day, of everything or of one SKU."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from infra.http.principal import Operator
from query_api.days import Day, before, between, today
from query_api.money import major
from query_api.sources import FromSources, applied

router = APIRouter(prefix="/v1/sales", tags=["sales"])

DEFAULT_DAYS = 30
DAILY = """
SELECT day, currency, sum(quantity)::bigint AS quantity, sum(revenue)::bigint AS revenue
FROM sales.sold_daily
WHERE day BETWEEN $1 AND $2 AND ($3::text IS NULL OR sku = $3)
GROUP BY day, currency
HAVING sum(quantity) <> 0 OR sum(revenue) <> 0
ORDER BY day, currency
"""


class SoldOnDay(BaseModel):
    """What was sold on a UTC day in one currency."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"day": "2010-12-01", "currency": "GBP", "quantity": 26814, "revenue": 58635.5}]
        }
    )

    day: date
    currency: str
    quantity: int
    revenue: float


class SoldDaily(BaseModel):
    """Sales per day, first day first. A day without sales has no item."""

    first_day: date
    last_day: date
    sku: str | None
    items: list[SoldOnDay]


@router.get("/daily", response_model=SoldDaily, dependencies=[Depends(applied("sales"))])
async def sold_daily(
    operator: Operator,
    sources: FromSources,
    start: Annotated[Day | None, Query(alias="from", description="First UTC day; 29 days before `to`.")] = None,
    end: Annotated[Day | None, Query(alias="to", description="Last UTC day; today.")] = None,
    sku: Annotated[str | None, Query(min_length=1, max_length=200, description="Only this SKU.")] = None,
) -> dict[str, Any]:
    """Pieces and revenue of confirmed orders per day on which they were placed, less what was cancelled."""
    last = end or today()
    first = start or before(last, DEFAULT_DAYS - 1)
    between(first, last)
    rows = await sources.postgres.rows(DAILY, first, last, sku)
    items = [{**dict(row), "revenue": major(row["revenue"])} for row in rows]
    return {"first_day": first, "last_day": last, "sku": sku, "items": items}

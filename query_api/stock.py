"""Endpoints of the read model `stock`: levels of a SKU, and every movement that led to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from event_schemas.topics import STOCK
from infra.http.principal import CurrentPrincipal
from query_api.as_of import Moment, moment_of
from query_api.as_of_stock import levels_as_of
from query_api.cursor import read_cursor, write_cursor
from query_api.lean_route import Answering, json
from query_api.paging import Cursor, Limit
from query_api.refusals import SkuNotFound
from query_api.sources import FromSources, Sources, applied

router = APIRouter(prefix="/v1/stock", tags=["stock"])

LEVELS = """
SELECT warehouse_id, on_hand, reserved, on_loan, available FROM stock.levels WHERE sku = $1 ORDER BY warehouse_id
"""
REJECTIONS = "SELECT COALESCE(sum(count), 0)::bigint AS count FROM stock.rejections WHERE sku = $1"
SUMMED = ("on_hand", "reserved", "on_loan", "available")
READ = ("stock", "catalog")
# All movements of a SKU lie in one partition, so their offsets are their order.
MOVEMENTS = """
SELECT event_id, sku, warehouse_id, kind, quantity, on_hand_delta, reserved_delta, ref_id, reason, balance_after, actor,
       at, appended_at, record_offset
FROM stock.movements WHERE sku = $1 AND record_offset < $2 ORDER BY record_offset DESC LIMIT $3
"""
LAST = 2**63 - 1


class Level(BaseModel):
    """What lies in one warehouse. `available` is on hand less reserved."""

    warehouse_id: str
    on_hand: int
    reserved: int
    on_loan: int
    available: int


class Stock(BaseModel):
    """A SKU's stock: the sums, and the level of each warehouse. `rejections` counts demands that were refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sku": "85123A",
                    "on_hand": 50,
                    "reserved": 3,
                    "on_loan": 0,
                    "available": 47,
                    "rejections": 0,
                    "levels": [{"warehouse_id": "MAIN", "on_hand": 50, "reserved": 3, "on_loan": 0, "available": 47}],
                }
            ]
        }
    )

    sku: str
    on_hand: int
    reserved: int
    on_loan: int
    available: int
    rejections: int
    levels: list[Level]


class Movement(BaseModel):
    """One movement. `balance_after` is what was available of the SKU in that warehouse after it."""

    event_id: str
    sku: str
    warehouse_id: str
    kind: str
    quantity: int
    on_hand_delta: int
    reserved_delta: int
    ref_id: str | None
    reason: str | None
    balance_after: int
    actor: str
    at: datetime
    appended_at: datetime


class Movements(BaseModel):
    """A page of movements, newest first."""

    items: list[Movement]
    next_cursor: str | None = None


@router.get("/{sku}", response_model=Stock, dependencies=[Depends(applied(*READ))])
async def get_stock(
    principal: CurrentPrincipal,
    sources: FromSources,
    sku: str,
    moment: Annotated[Moment | None, Depends(moment_of(STOCK.name))],
) -> Response:
    """The stock of a SKU per warehouse and in sum, as it is or was; zeros for a product that has, or had, none yet.

    `404 sku_not_found`; `404 version_not_reached`, `version_parked` or `version_dropped`; `503 projection_lagging` for
    a version that is not yet in the sums.
    """
    return await (_now(sources, sku) if moment is None else _then(sources, sku, moment))


def plain_stock(sku: str, query: dict[str, str]) -> Answering | None:
    """The lean route of `get_stock`, for stock as it is now."""
    return None if query or not sku else lambda sources, _: _now(sources, sku)


async def _now(sources: Sources, sku: str) -> Response:
    levels = [dict(row) for row in await sources.postgres.rows(LEVELS, sku)]
    row = await sources.postgres.row(REJECTIONS, sku)
    return await _told(sources, sku, levels, row["count"] if row else 0)


async def _then(sources: Sources, sku: str, moment: Moment) -> Response:
    return await _told(sources, sku, *await levels_as_of(sources, sku, moment))


async def _told(sources: Sources, sku: str, levels: Sequence[dict[str, Any]], refused: int) -> Response:
    if not levels:
        await _must_exist(sources, sku)
    sums = {name: sum(level[name] for level in levels) for name in SUMMED}
    return json({"sku": sku, **sums, "rejections": refused, "levels": levels})


@router.get("/{sku}/movements", response_model=Movements, dependencies=[Depends(applied(*READ))])
async def get_movements(
    principal: CurrentPrincipal, sources: FromSources, sku: str, cursor: Cursor = None, limit: Limit = 50
) -> dict[str, Any]:
    """What happened to the stock of a SKU, newest first. `404 sku_not_found`, `400 bad_cursor`."""
    named = ("movements", sku)
    before = read_cursor(named, cursor, (int,))[0] if cursor is not None else LAST
    rows = await sources.postgres.rows(MOVEMENTS, sku, before, limit + 1)
    if not rows and cursor is None:
        await _must_exist(sources, sku)
    page, more = rows[:limit], len(rows) > limit
    last = write_cursor(named, (page[-1]["record_offset"],)) if more else None
    return {"items": [dict(row) for row in page], "next_cursor": last}


async def _must_exist(sources: Sources, sku: str) -> None:
    if await sources.postgres.row("SELECT 1 FROM catalog.variants WHERE sku = $1 LIMIT 1", sku) is None:
        raise SkuNotFound(f"No product has the SKU {sku!r}.")

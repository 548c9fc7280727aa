"""Endpoint of top sellers: sorted sets of the read model `top_sellers`, or of the streams; names from the catalog."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from infra.http.consistency_token import HEADER
from infra.http.principal import CurrentPrincipal
from infra.http.problems import ValidationFailed
from query_api import live
from query_api.days import Day, before, between, today
from query_api.lean_route import Answering, json
from query_api.paging import Limit
from query_api.sources import FromSources, Sources, applied

PATH = "/v1/top-sellers"
router = APIRouter(prefix=PATH, tags=["sales"])

READ = ("top_sellers", "catalog")
"""The read models that an answer is taken from."""
_PLAIN = {"limit": re.compile(r"[1-9]\d?|100", re.ASCII), "window": re.compile(r"all|[1-9]\d{0,2}d", re.ASCII)}
"""What the lean route understands."""

_EXAMPLE: JsonDict = {
    "rank": 1,
    "product_id": "5c1b0d7e-6a0e-5d5e-9f8e-0b8d6c9a4f11",
    "sku": "22197",
    "name": "SMALL POPCORN HOLDER",
    "total_quantity_sold": 56450,
}


class Seller(BaseModel):
    """A product by how many pieces of it were sold. SKU and name are null while the catalog does not know it yet."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    rank: int
    product_id: str
    sku: str | None
    name: str | None
    total_quantity_sold: int


class TopSellers(BaseModel):
    """The best sellers. The days are UTC and both count; null for all time.

    A live window has no days: what was sold `since` then counts, as it was published at `as_of`.
    """

    window: str
    first_day: date | None
    last_day: date | None
    since: datetime | None
    as_of: datetime | None
    items: list[Seller]


@router.get("", response_model=TopSellers, dependencies=[Depends(applied(*READ))])
async def top_sellers(
    principal: CurrentPrincipal,
    sources: FromSources,
    request: Request,
    limit: Limit = 10,
    window: Annotated[
        str | None,
        Query(
            pattern=rf"^(all|{'|'.join(live.WINDOWS)}|[1-9]\d{{0,2}}d)$",
            description="`all`, or so many days up to today: `7d`, `30d`; or live, up to this moment: `1h` to the "
            "minute, `24h`, `now-7d` and `now-30d` to the hour. `all` when nothing is given.",
            examples=["all", "7d", "30d", *live.WINDOWS],
        ),
    ] = None,
    day: Annotated[Day | None, Query(description="One UTC day.")] = None,
    start: Annotated[Day | None, Query(alias="from", description="First UTC day; with `to`.")] = None,
    end: Annotated[Day | None, Query(alias="to", description="Last UTC day; with `from`.")] = None,
) -> Response:
    """What was sold most, by pieces of confirmed orders on the day they were placed; cancelled ones do not count.

    SKU and name are at most a second old, and as new as a Consistency-Token of the catalog asks for. Live windows are
    published twice a second, whatever a token asks for; `as_of` tells how old they are.
    """
    days = _days(window, day, start, end)
    if window in live.WINDOWS:
        return await _live(sources, window, limit, tokened=HEADER in request.headers)
    return await _ranked(sources, window, days, limit, tokened=HEADER in request.headers)


def plain_top(_: str, query: dict[str, str]) -> Answering | None:
    """The lean route of `top_sellers`, for a window."""
    if not all(name in _PLAIN and _PLAIN[name].fullmatch(value) for name, value in query.items()):
        return None
    window, limit = query.get("window"), int(query.get("limit", 10))
    days = _days(window, None, None, None)
    return lambda sources, tokened: _ranked(sources, window, days, limit, tokened=tokened)


async def _ranked(
    sources: Sources, window: str | None, days: list[date] | None, limit: int, *, tokened: bool
) -> Response:
    sets = ["top:sale:all"] if days is None else [f"top:sale:day:{one:%Y%m%d}" for one in days]
    found = await sources.redis.top("top_sellers", sets, limit)
    first, last = (days[0], days[-1]) if days else (None, None)
    shown = window or ("days" if days else "all")
    items = await _items(sources, found, tokened=tokened)
    return json({"window": shown, "first_day": first, "last_day": last, "since": None, "as_of": None, "items": items})


async def _live(sources: Sources, window: str, limit: int, *, tokened: bool) -> Response:
    now = await live.window(sources, window, limit)
    items = await _items(sources, now.members, tokened=tokened)
    days = {"first_day": None, "last_day": None}
    return json({"window": window, **days, "since": now.since, "as_of": now.as_of, "items": items})


async def _items(sources: Sources, found: list[tuple[str, int]], *, tokened: bool) -> list[dict[str, Any]]:
    names = await sources.names.of((product_id for product_id, _ in found), now=tokened)
    return [
        {"rank": rank, "product_id": product_id, **names[product_id]._asdict(), "total_quantity_sold": quantity}
        for rank, (product_id, quantity) in enumerate(found, 1)
    ]


def _days(window: str | None, day: date | None, start: date | None, end: date | None) -> list[date] | None:
    """The days that count; None for all time. Raises `ValidationFailed` when parameters contradict each other."""
    ways = [window is not None, day is not None, start is not None or end is not None]
    if sum(ways) > 1:
        raise ValidationFailed(
            errors=[{"pointer": "query", "detail": "window, day, and from with to exclude each other."}]
        )
    if day is not None:
        return [day]
    if start is not None or end is not None:
        if start is None or end is None:
            missing = "from" if start is None else "to"
            raise ValidationFailed(errors=[{"pointer": f"query/{missing}", "detail": "from and to go together."}])
        return between(start, end)
    if window is None or window == "all" or window in live.WINDOWS:
        return None
    last = today()
    return between(before(last, int(window[:-1]) - 1), last)

"""Endpoints of the read model `order_history`: lists, one order with its lines, its timeline, the latest lines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response

from event_schemas.order import OrderStatus
from event_schemas.topics import ORDERS
from infra.http.principal import CurrentPrincipal, Operator
from query_api.as_of import Moment, history, moment_of
from query_api.as_of_order import order_as_of
from query_api.cursor import read_cursor, write_cursor
from query_api.lean_route import Answering, json
from query_api.money import major
from query_api.order_answers import LatestLines, Line, Order, OrderPage, OrderWithLines, Timeline, line, order
from query_api.paging import Cursor, Limit
from query_api.refusals import OrderNotFound
from query_api.sources import FromSources, Sources, applied

router = APIRouter(prefix="/v1/orders", tags=["orders"], dependencies=[Depends(applied("order_history"))])

PAGE = """
SELECT * FROM orders.orders
WHERE {conditions}
ORDER BY placed_at DESC, order_id DESC LIMIT ${limit}
"""
ONE = f"""
SELECT {", ".join(f"o.{name}" for name in Order.model_fields)}, (
    SELECT json_agg(l) FROM (
        SELECT {", ".join(Line.model_fields)} FROM orders.lines WHERE order_id = o.order_id ORDER BY line_number
    ) l
) AS lines
FROM orders.orders o WHERE o.order_id = $1
"""
LATEST_PATH = "latest"
TIMELINE = """
SELECT sequence, type, actor, at, appended_at, event_id, data FROM orders.timeline WHERE order_id = $1 ORDER BY sequence
"""
# Every order has a line at least, so the latest `limit` orders hold the latest `limit` lines.
LATEST = """
SELECT o.order_id, o.user_id, o.status, o.placed_at, l.quantity, l.line_total, l.currency, l.product_id,
       l.name AS product_name, p.brand_name, p.category_name, p.supplier_name
FROM (SELECT * FROM orders.orders ORDER BY placed_at DESC, order_id DESC LIMIT $1) o
JOIN orders.lines l USING (order_id)
LEFT JOIN catalog.products p ON p.product_id = l.product_id
ORDER BY o.placed_at DESC, o.order_id DESC, l.line_number LIMIT $1
"""

Status = Annotated[OrderStatus | None, Query(description="Only orders in this status.")]


@router.get("", response_model=OrderPage)
async def list_orders(
    operator: Operator, sources: FromSources, status: Status = None, cursor: Cursor = None, limit: Limit = 20
) -> dict[str, Any]:
    """All orders, the latest placed first. For operators. `400 bad_cursor` for a cursor of another query."""
    return await _page(sources, [("status", status)], cursor, limit)


@router.get(f"/{LATEST_PATH}", response_model=LatestLines)
async def latest_lines(operator: Operator, sources: FromSources, limit: Limit = 100) -> dict[str, Any]:
    """The lines of the latest orders, at most `limit` lines, newest order first. For operators."""
    rows = await sources.postgres.rows(LATEST, limit)
    return {"items": [{**dict(row), "total_price": major(row["line_total"])} for row in rows]}


@router.get("/user/{user_id:path}", response_model=OrderPage)
async def orders_of_user(
    principal: CurrentPrincipal,
    sources: FromSources,
    user_id: Annotated[str, Path(min_length=1, description="Everything after `user/`, slashes too.")],
    status: Status = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> dict[str, Any]:
    """A user's orders, the latest placed first; empty for a user who never ordered. `400 bad_cursor`."""
    return await _page(sources, [("user_id", user_id), ("status", status)], cursor, limit)


@router.get("/{order_id}", response_model=OrderWithLines)
async def get_order(
    principal: CurrentPrincipal,
    sources: FromSources,
    response: Response,
    order_id: str,
    moment: Annotated[Moment | None, Depends(moment_of(ORDERS.name))],
) -> dict[str, Any] | Response:
    """One order with its lines, as it is or was. `ETag` is its version, as commands take it.

    `404 order_not_found`, also for a time before it was placed; `404 version_not_reached`, `version_parked` or
    `version_dropped`; `422 history_too_long`; `503 event_unreadable`.
    """
    if moment is not None:
        past = order_as_of(await history(sources, ORDERS.name, order_id, moment))
        if past is None:
            raise OrderNotFound(f"No order had the id {order_id!r} then.")
        response.headers["ETag"] = f'"{past["version"]}"'
        return past
    return await _present(sources, order_id)


def plain_order(order_id: str, query: dict[str, str]) -> Answering | None:
    """The lean route of `get_order`, for orders as they are now."""
    if query or not order_id or order_id == LATEST_PATH:
        return None
    return lambda sources, _: _present(sources, order_id)


async def _present(sources: Sources, order_id: str) -> Response:
    row = await sources.postgres.row(ONE, order_id)
    if row is None:
        raise OrderNotFound(f"No order has the id {order_id!r}.")
    return json({**order(row), "lines": list(map(line, orjson.loads(row["lines"])))}, ETag=f'"{row["version"]}"')


@router.get("/{order_id}/timeline", response_model=Timeline)
async def get_timeline(principal: CurrentPrincipal, sources: FromSources, order_id: str) -> dict[str, Any]:
    """Everything that happened to an order, first event first. `404 order_not_found`."""
    rows = await sources.postgres.rows(TIMELINE, order_id)
    if not rows:
        raise OrderNotFound(f"No order has the id {order_id!r}.")
    return {"order_id": order_id, "items": [{**dict(row), "data": orjson.loads(row["data"])} for row in rows]}


async def _page(
    sources: Sources, filters: Sequence[tuple[str, str | None]], cursor: str | None, limit: int
) -> dict[str, Any]:
    named = ("orders", *(f"{column}={value}" for column, value in filters if value is not None))
    args: list[Any] = []
    conditions = ["true"]
    for column, value in filters:
        if value is not None:
            args.append(str(value))
            conditions.append(f"{column} = ${len(args)}")
    if cursor is not None:
        args += read_cursor(named, cursor, (datetime, str))
        conditions.append(f"(placed_at, order_id) < (${len(args) - 1}, ${len(args)})")
    args.append(limit + 1)
    sql = PAGE.format(conditions=" AND ".join(conditions), limit=len(args))
    rows = await sources.postgres.rows(sql, *args)
    page, more = rows[:limit], len(rows) > limit
    place = (page[-1]["placed_at"], page[-1]["order_id"]) if more else None
    return {"items": [order(row) for row in page], "next_cursor": write_cursor(named, place) if place else None}

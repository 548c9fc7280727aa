"""The products of a page, and how many match in all and by kind: exact up to a bound, at least so many above it."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from asyncpg import Record

from query_api.catalog_query import MOST_COUNTED, Filters, ProductQuery, Sort
from query_api.postgres import Postgres

ALL_KINDS = "SELECT value, sum(count)::bigint AS count FROM catalog.facet_counts WHERE facet = 'kind' GROUP BY value"


class Counts(NamedTuple):
    """`kinds` are counted without a filter by kind. What is approximate is a lower bound."""

    total: int
    total_approximate: bool
    kinds: dict[str, int]
    kinds_approximate: bool


async def counts(postgres: Postgres, filters: Filters, *, typos: bool) -> Counts:
    """The counts for these filters. Raises as `Postgres.rows` does."""
    others = filters._replace(kind=None)
    query = ProductQuery(others, typos=typos)
    rows = await (postgres.rows(ALL_KINDS) if others.none else postgres.rows(query.kinds(), *query.args))
    kinds = {row["value"]: row["count"] for row in sorted(rows, key=lambda row: str(row["value"])) if row["count"]}
    together = sum(kinds.values())
    beyond = not others.none and together > MOST_COUNTED
    if filters.kind is None:
        return Counts(MOST_COUNTED if beyond else together, beyond, kinds, beyond)
    if not beyond:
        return Counts(kinds.get(filters.kind, 0), False, kinds, False)
    query = ProductQuery(filters, typos=typos)
    row = await postgres.row(query.count(), *query.args)
    total = int(row["total"]) if row else 0
    return Counts(min(total, MOST_COUNTED), total > MOST_COUNTED, kinds, True)


async def look_for(
    postgres: Postgres,
    filters: Filters,
    sort: Sort,
    after: Sequence[Any] | None,
    limit: int,
    offset: int,
    *,
    typos: bool,
) -> tuple[Counts, list[Record]]:
    """The counts and the rows of a page (`ProductQuery.page`), asked for at once: in broad searches each takes long."""
    query = ProductQuery(filters, typos=typos)
    sql = query.page(sort, after, limit, offset)
    return await asyncio.gather(counts(postgres, filters, typos=typos), postgres.rows(sql, *query.args))

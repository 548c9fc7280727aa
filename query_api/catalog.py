"""Endpoints of the read model `catalog`: search, one product. Stock is joined when it is asked."""

from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from event_schemas.catalog import ProductKind
from event_schemas.topics import CATALOG
from infra.folding import fold
from infra.http.principal import CurrentPrincipal
from infra.http.problems import ValidationFailed
from query_api.as_of import Moment, history, moment_of
from query_api.as_of_product import product_as_of, with_stock
from query_api.as_of_stock import sums_at
from query_api.catalog_answers import COLUMNS, NO_STOCK, Product, ProductPage, product
from query_api.catalog_found import look_for
from query_api.catalog_query import Filters, Sort, sort_kind
from query_api.cursor import read_cursor, write_cursor
from query_api.money import minor
from query_api.paging import Cursor, Limit, Offset
from query_api.refusals import CursorWithOffset, ProductNotFound
from query_api.search_words import has_operators
from query_api.sources import FromSources, Sources, applied

router = APIRouter(prefix="/v1/products", tags=["catalog"])

Text = Annotated[str | None, Query(min_length=1, max_length=200)]
Price = Annotated[Decimal | None, Query(ge=0, max_digits=15, decimal_places=2, description="In major units: 249.99.")]

LEVELS = """
SELECT sku, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved, sum(on_loan)::bigint AS on_loan,
       sum(available)::bigint AS available
FROM stock.levels WHERE sku = ANY($1::text[]) GROUP BY sku
"""
ONE = f"SELECT {', '.join(COLUMNS)} FROM catalog.products WHERE product_id = $1"


def wanted(
    search: Text = None,
    kind: ProductKind | None = None,
    category: Text = None,
    brand: Text = None,
    supplier: Text = None,
    author: Text = None,
    min_price: Price = None,
    max_price: Price = None,
    available: Annotated[bool | None, Query(description="Whether any can be ordered now.")] = None,
    lendable: Annotated[bool | None, Query(description="Whether it can be borrowed; nothing can, yet.")] = None,
) -> Filters:
    """The request's filters; category, brand and supplier are ids. Raises `ValidationFailed` for an empty range."""
    if min_price is not None and max_price is not None and min_price > max_price:
        raise ValidationFailed(errors=[{"pointer": "query/min_price", "detail": "It is above max_price."}])
    low, high = minor(min_price), minor(max_price)
    named = (search, kind.value if kind else None, category, brand, supplier, author)
    return Filters(*named, low, high, available, lendable)


@router.get("", response_model=ProductPage, dependencies=[Depends(applied("catalog", "stock"))])
async def search_products(
    principal: CurrentPrincipal,
    sources: FromSources,
    filters: Annotated[Filters, Depends(wanted)],
    sort: Annotated[Sort | None, Query(description="`relevance` with `search`, else `name`, when not given.")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    offset: Offset = None,
) -> dict[str, Any]:
    """Products that are offered, filtered and in order, with counts by facet.

    `search` finds words of name, author, keywords and description, a beginning of the last word, a SKU or an ISBN;
    when nothing has these words, names and authors that look alike. `-word` excludes what has the word, `"two words"`
    must follow each other, `or` stands between alternatives; with these nothing that looks alike is shown.
    Above 10,000 matches counts are lower bounds, as `total_approximate` and `facets_approximate` tell, and by relevance
    the first 10,000 that are found are ranked.
    `400 bad_cursor` for a cursor of another query.
    """
    order = sort or (Sort.RELEVANCE if filters.search else Sort.NAME)
    if order is Sort.RELEVANCE and not filters.search:
        raise ValidationFailed(errors=[{"pointer": "query/sort", "detail": "relevance needs search."}])
    if cursor is not None and offset is not None:
        raise CursorWithOffset
    named = ("products", *filters, order)
    typos, after = False, None
    if cursor is not None:
        *after, typos = read_cursor(named, cursor, (sort_kind(order), str, bool))
    look = partial(look_for, sources.postgres, filters, order, after, limit + 1, offset or 0)
    found, rows = await look(typos=typos)
    if not found.total and filters.search and cursor is None and not has_operators(fold(filters.search)):
        typos = True
        found, rows = await look(typos=True)
    page, more = rows[:limit], len(rows) > limit
    place = (page[-1]["sort_value"], page[-1]["product_id"], typos) if more else None
    levels = await levels_of(sources, [row["sku"] for row in page])
    return {
        "items": [product(row, levels.get(row["sku"], NO_STOCK)) for row in page],
        "facets": {"kind": found.kinds, "category": {}, "brand": {}},
        "facets_approximate": found.kinds_approximate,
        "total": found.total,
        "total_approximate": found.total_approximate,
        "next_cursor": write_cursor(named, place) if place else None,
    }


@router.get("/{product_id}", response_model=Product, dependencies=[Depends(applied("catalog", "stock"))])
async def get_product(
    principal: CurrentPrincipal,
    sources: FromSources,
    response: Response,
    product_id: str,
    moment: Annotated[Moment | None, Depends(moment_of(CATALOG.name))],
) -> dict[str, Any]:
    """One product, also a withdrawn one, as it is or was. `ETag` is its version, as commands take it.

    Its stock is that of the same time; with a version, of the time when it came to it.
    `404 product_not_found`, also for a time before it was added; `404 version_not_reached`, `version_parked` or
    `version_dropped`; `422 history_too_long`; `503 event_unreadable`.
    """
    if moment is not None:
        past = await history(sources, CATALOG.name, product_id, moment)
        shown = product_as_of(past)
        if shown is None:
            raise ProductNotFound(f"No product had the id {product_id!r} then.")
        response.headers["ETag"] = f'"{shown["version"]}"'
        sums = await sums_at(sources, [shown["sku"]], moment.at or past[-1].at)
        return with_stock(shown, sums.get(shown["sku"], NO_STOCK))
    row = await sources.postgres.row(ONE, product_id)
    if row is None:
        raise ProductNotFound(f"No product has the id {product_id!r}.")
    response.headers["ETag"] = f'"{row["version"]}"'
    levels = await levels_of(sources, [row["sku"]])
    return product(row, levels.get(row["sku"], NO_STOCK))


async def levels_of(sources: Sources, skus: list[str]) -> dict[str, dict[str, int]]:
    """The levels of SKUs, summed over warehouses; a SKU without stock is left out."""
    rows = await sources.postgres.rows(LEVELS, skus) if skus else []
    return {row["sku"]: {name: row[name] for name in NO_STOCK} for row in rows}

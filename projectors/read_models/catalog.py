"""Read model `catalog`: products to search and filter, their variants and price history, counts by facet.

Withdrawn products keep their rows but are not listed and not counted. Brand, category and supplier have no names yet.
"""

from collections.abc import Sequence
from typing import Any

from event_schemas.record import Recorded
from event_schemas.topics import CATALOG
from projectors.projection import Projection, Statement
from projectors.read_models.catalog_fold import Fold, Row, folded
from projectors.read_models.catalog_sql import (
    BOOKS,
    CHANGED,
    CHANGES,
    FACETS,
    FACETS_OF_WITHDRAWN,
    NEW,
    PRICE_HISTORY,
    PRICES,
    VARIANTS,
)
from projectors.read_models.catalog_tables import DDL, INDEXES, KEYS
from projectors.read_models.rows import over

_BOOK = (
    "author", "isbn", "publisher", "keywords", "published_year", "language", "folded_author", "folded_keywords",
)  # fmt: skip
_NEW_COLUMNS = (
    *CHANGED, *_BOOK, "kind", "brand_id", "category_id", "supplier_id", "sku", "price", "currency", "added_at",
    "partition",
)  # fmt: skip


def apply(events: Sequence[Recorded]) -> list[Statement]:
    """The statements of a batch, round by round. Counts of withdrawn products are taken before these are marked.

    Raises `KeyError` for an event that is not of a product.
    """
    return [statement for fold in folded(events) for statement in _statements(fold)]


def _statements(fold: Fold) -> list[Statement]:
    return [
        *over(FACETS_OF_WITHDRAWN, fold.withdrawn.items()),
        *over(NEW, (_values(row, _NEW_COLUMNS) for row in fold.products.values())),
        *over(CHANGES, (_values(row, CHANGED) for row in fold.changes.values())),
        *over(BOOKS, (_values(row, ("product_id", *_BOOK)) for row in fold.books.values())),
        *over(VARIANTS, ((*key, *row) for key, row in fold.variants.items())),
        *over(PRICES, ((*key, *row) for key, row in fold.prices.items())),
        *over(PRICE_HISTORY, fold.history),
        *over(FACETS, ((*key, count) for key, count in fold.facets().items())),
    ]


def _values(row: Row, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row.get(column) for column in columns)


PROJECTION = Projection(
    name="catalog",
    version=2,
    topic=CATALOG.name,
    store="postgres",
    tables=("products", "variants", "price_history", "facet_counts"),
    ddl=DDL,
    keys=KEYS,
    indexes=INDEXES,
    apply=apply,
    public_schema="catalog",
)
"""Products, searched and filtered."""

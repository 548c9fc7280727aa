"""Read model `catalog`: products to search and filter, their variants and price history, counts by facet.

Withdrawn products keep their rows but are not listed and not counted. Brand, category and supplier have no names yet.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from event_schemas import catalog
from event_schemas.money import Money
from event_schemas.record import Recorded
from event_schemas.topics import CATALOG
from infra.folding import fold as folded
from projectors.catalog_sql import (
    BOOKS,
    CHANGED,
    CHANGES,
    DDL,
    FACETS,
    FACETS_OF_WITHDRAWN,
    INDEXES,
    KEYS,
    NEW,
    PRICE_HISTORY,
    PRICES,
    VARIANTS,
)  # fmt: skip
from projectors.projection import Projection, Statement
from projectors.rows import over

_Row = dict[str, Any]


class _Fold:
    """What a batch comes to: new products in their last state, changes of older ones, prices in their order."""

    def __init__(self) -> None:
        self.products: dict[str, _Row] = {}
        self.changes: dict[str, _Row] = {}
        self.books: dict[str, _Row] = {}
        self.variants: dict[tuple[str, str], list[Any]] = {}
        self.prices: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.history: list[tuple[Any, ...]] = []
        self.withdrawn: dict[str, int] = {}

    def change(self, item: Recorded, product_id: str, **fields: Any) -> None:
        """Sets `fields` of a product, wherever its row is."""
        row = self.products.get(product_id)
        if row is None:
            row = self.changes.setdefault(product_id, {"product_id": product_id})
        row.update(fields, version=item.envelope.sequence, updated_at=item.envelope.time)

    def facets(self) -> dict[tuple[int, str, str], int]:
        """What the products of this batch add, by partition, facet and value; 0 too, so that a rebuild has the row."""
        counts: dict[tuple[int, str, str], int] = {}
        for row in self.products.values():
            key = (row["partition"], "kind", row["kind"])
            counts[key] = counts.get(key, 0) + (not row["withdrawn"])
        return counts


def apply(events: Sequence[Recorded]) -> list[Statement]:
    """The statements of a batch. Counts of withdrawn products are taken before the products are marked.

    Raises `KeyError` for an event that is not of a product.
    """
    fold = _Fold()
    for item in events:
        _HANDLERS[type(item.event)](fold, item, item.event)
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


def _added(fold: _Fold, item: Recorded, event: catalog.ProductAdded) -> None:
    first = event.variants[0]
    for variant in event.variants:
        options = orjson.dumps(variant.options).decode()
        price = variant.price
        key = (event.product_id, variant.sku)
        fold.variants[key] = [options, price.amount, price.currency]
        _remember(fold, item, key, None, price)
    fold.products[event.product_id] = {
        "product_id": event.product_id,
        "kind": event.kind.value,
        **_words(event),
        **_book(event.book),
        "brand_id": event.brand_id,
        "category_id": event.category_id,
        "supplier_id": event.supplier_id,
        "sku": first.sku,
        "price": first.price.amount,
        "currency": first.price.currency,
        "withdrawn": False,
        "version": item.envelope.sequence,
        "added_at": item.envelope.time,
        "updated_at": item.envelope.time,
        "partition": item.partition,
    }


def _described(fold: _Fold, item: Recorded, event: catalog.ProductDescribed) -> None:
    words = {name: value for name, value in _words(event).items() if value is not None}
    book = _book(event.book) if event.book else {}
    if event.product_id in fold.products:
        fold.change(item, event.product_id, **words, **book)
    else:
        fold.change(item, event.product_id, **words)
        if book:
            fold.books[event.product_id] = {"product_id": event.product_id, **book}


def _repriced(fold: _Fold, item: Recorded, event: catalog.PriceChanged) -> None:
    key, price = (event.product_id, event.sku), event.new_price
    row = fold.variants.get(key)
    if row is None:
        fold.prices[key] = (price.amount, price.currency)
    else:
        row[1:] = price.amount, price.currency
    new = fold.products.get(event.product_id)
    if new is not None and new["sku"] == event.sku:
        new.update(price=price.amount, currency=price.currency)
    fold.change(item, event.product_id)
    _remember(fold, item, key, event.old_price.amount, price)


def _withdrawn(fold: _Fold, item: Recorded, event: catalog.ProductWithdrawn) -> None:
    if event.product_id not in fold.products:
        fold.withdrawn[event.product_id] = item.partition
    fold.change(item, event.product_id, withdrawn=True, withdrawn_reason=event.reason.value, withdrawn_note=event.note)


def _remember(fold: _Fold, item: Recorded, key: tuple[str, str], old: int | None, new: Money) -> None:
    at, sequence, actor = item.envelope.time, item.envelope.sequence, item.envelope.actor
    fold.history.append((*key, sequence, old, new.amount, new.currency, actor, at))


def _words(event: catalog.ProductAdded | catalog.ProductDescribed) -> _Row:
    return {
        "name": event.name,
        "description": event.description,
        "identification": event.identification,
        "image_url": event.image_url,
        "folded_name": None if event.name is None else folded(event.name),
        "folded_description": None if event.description is None else folded(event.description),
    }


def _book(book: catalog.Book | None) -> _Row:
    if book is None:
        return {"keywords": "[]"}
    return {
        "author": book.author,
        "isbn": book.plain_isbn,
        "publisher": book.publisher,
        "keywords": orjson.dumps(book.keywords).decode(),
        "published_year": book.published_year,
        "language": book.language,
        "folded_author": folded(book.author),
        "folded_keywords": folded(" ".join(book.keywords)),
    }


_HANDLERS: dict[type, Callable[[_Fold, Recorded, Any], None]] = {
    catalog.ProductAdded: _added,
    catalog.ProductDescribed: _described,
    catalog.PriceChanged: _repriced,
    catalog.ProductWithdrawn: _withdrawn,
}

_BOOK = (
    "author", "isbn", "publisher", "keywords", "published_year", "language", "folded_author", "folded_keywords",
)  # fmt: skip
_NEW_COLUMNS = (
    *CHANGED, *_BOOK, "kind", "brand_id", "category_id", "supplier_id", "sku", "price", "currency", "added_at",
    "partition",
)  # fmt: skip


def _values(row: _Row, columns: Sequence[str]) -> tuple[Any, ...]:
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

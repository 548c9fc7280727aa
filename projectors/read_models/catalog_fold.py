"""What a batch of catalog events comes to, before it becomes statements. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from event_schemas import catalog
from event_schemas.money import Money
from event_schemas.record import Recorded
from infra import folding

Row = dict[str, Any]


class Fold:
    """What a round comes to: new products, changes of older ones, prices in their order."""

    def __init__(self) -> None:
        self.products: dict[str, Row] = {}
        self.changes: dict[str, Row] = {}
        self.books: dict[str, Row] = {}
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

    def facets(self) -> Counter[tuple[int, str, str]]:
        """What the products of this round add, by partition, facet and value."""
        return Counter((row["partition"], "kind", row["kind"]) for row in self.products.values())


def folded(events: Sequence[Recorded]) -> list[Fold]:
    """The folds of a batch, a round each, to be applied one after the other. Of a product each has one event, and the
    changes of price that follow its adding or one another: whatever else an event says is given to the server even
    where a later one overwrites it, so that the server refuses it in any batch. Prices are in the history anyway.

    Raises `KeyError` for an event that is not of a product.
    """
    rounds: list[Fold] = []
    last: dict[str, tuple[int, type]] = {}
    for item in events:
        event: Any = item.event
        kind = type(event)
        handler = _HANDLERS[kind]
        number, before = last.get(event.product_id, (-1, kind))
        if number < 0 or kind is not catalog.PriceChanged or before not in _PRICED:
            number += 1
        last[event.product_id] = number, kind
        if number == len(rounds):
            rounds.append(Fold())
        handler(rounds[number], item, event)
    return rounds


def _added(fold: Fold, item: Recorded, event: catalog.ProductAdded) -> None:
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


def _described(fold: Fold, item: Recorded, event: catalog.ProductDescribed) -> None:
    words = {name: value for name, value in _words(event).items() if value is not None}
    fold.change(item, event.product_id, **words)
    if event.book:
        fold.books[event.product_id] = {"product_id": event.product_id, **_book(event.book)}


def _repriced(fold: Fold, item: Recorded, event: catalog.PriceChanged) -> None:
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


def _withdrawn(fold: Fold, item: Recorded, event: catalog.ProductWithdrawn) -> None:
    fold.withdrawn[event.product_id] = item.partition
    fold.change(item, event.product_id, withdrawn=True, withdrawn_reason=event.reason.value, withdrawn_note=event.note)


def _remember(fold: Fold, item: Recorded, key: tuple[str, str], old: int | None, new: Money) -> None:
    at, sequence, actor = item.envelope.time, item.envelope.sequence, item.envelope.actor
    fold.history.append((*key, sequence, old, new.amount, new.currency, actor, at))


def _words(event: catalog.ProductAdded | catalog.ProductDescribed) -> Row:
    return {
        "name": event.name,
        "description": event.description,
        "identification": event.identification,
        "image_url": event.image_url,
        "folded_name": None if event.name is None else folding.fold(event.name),
        "folded_description": None if event.description is None else folding.fold(event.description),
    }


def _book(book: catalog.Book | None) -> Row:
    if book is None:
        return {"keywords": "[]"}
    return {
        "author": book.author,
        "isbn": book.plain_isbn,
        "publisher": book.publisher,
        "keywords": orjson.dumps(book.keywords).decode(),
        "published_year": book.published_year,
        "language": book.language,
        "folded_author": folding.fold(book.author),
        "folded_keywords": folding.fold(" ".join(book.keywords)),
    }


_PRICED = catalog.ProductAdded, catalog.PriceChanged
_HANDLERS: dict[type, Callable[[Fold, Recorded, Any], None]] = {
    catalog.ProductAdded: _added,
    catalog.ProductDescribed: _described,
    catalog.PriceChanged: _repriced,
    catalog.ProductWithdrawn: _withdrawn,
}

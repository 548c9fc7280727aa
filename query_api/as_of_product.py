"""A product as it was: its history folded into the answer that the live endpoint gives. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from event_schemas import catalog
from query_api.as_of import Past
from query_api.money import major

WORDS = ("name", "description", "identification", "image_url")
_BOOK = ("author", "publisher", "published_year", "language")


def product_as_of(past: Sequence[Past]) -> dict[str, Any] | None:
    """The product after these events, as `Product` has it but for its stock; None when it was not added yet."""
    if not past or not isinstance(past[0].event, catalog.ProductAdded):
        return None
    shown = {**_added(past[0].event), "added_at": past[0].at}
    for version, at, event in past:
        shown |= {"version": version, "updated_at": at}
        match event:
            case catalog.ProductDescribed():
                shown |= {name: value for name in WORDS if (value := getattr(event, name)) is not None}
                shown |= _book(event.book) if event.book else {}
            case catalog.PriceChanged(sku=sku, new_price=price) if sku == shown["sku"]:
                shown |= {"price": major(price.amount), "currency": price.currency}
            case catalog.ProductWithdrawn():
                reason = event.reason.value
                shown |= {"withdrawn": True, "withdrawn_reason": reason, "withdrawn_note": event.note}
    return shown


def with_stock(shown: Mapping[str, Any], levels: Mapping[str, int]) -> dict[str, Any]:
    """The same with the sums of its levels."""
    available = levels["available"]
    return {**shown, **levels, "quantity": available, "copies": available if shown["kind"] == "BOOK" else None}


def _added(event: catalog.ProductAdded) -> dict[str, Any]:
    first = event.variants[0]
    return {
        "id": event.product_id,
        "product_id": event.product_id,
        "sku": first.sku,
        "kind": event.kind.value,
        **{name: getattr(event, name) for name in (*WORDS, "brand_id", "category_id", "supplier_id")},
        "price": major(first.price.amount),
        "currency": first.price.currency,
        **(_book(event.book) if event.book else {}),
        "withdrawn": False,
    }


def _book(book: catalog.Book) -> dict[str, Any]:
    return {**{name: getattr(book, name) for name in _BOOK}, "isbn": book.plain_isbn, "keywords": list(book.keywords)}

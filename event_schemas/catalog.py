"""Events of products: what the shop sells and the library lends, and at what price."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from event_schemas.event import Event, Upcast, event
from event_schemas.money import Money
from event_schemas.topics import CATALOG


class ProductKind(StrEnum):
    """What a product is: a book has author and ISBN, everything else is a good."""

    BOOK = "BOOK"
    GOOD = "GOOD"


class Part(BaseModel):
    """A part of an event's payload; unknown fields are ignored, as in the event itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Book(Part):
    """What a book has beyond any other product."""

    author: str
    isbn: str | None = None
    publisher: str | None = None
    keywords: tuple[str, ...] = ()
    published_year: int | None = None
    language: str | None = None

    @property
    def plain_isbn(self) -> str | None:
        """The ISBN as it is looked for: its digits and its X, without hyphens and blanks."""
        return "".join(char for char in (self.isbn or "").upper() if char.isalnum()) or None


class Variant(Part):
    """One thing that can be put on a shelf and sold: a SKU with its options and price."""

    sku: str
    options: dict[str, str] = Field(default_factory=dict)
    price: Money


class InitialStock(Part):
    """What of a SKU is on the shelf when its product is added."""

    sku: str
    warehouse_id: str
    quantity: int = Field(ge=1)


@event("product.added", topic=CATALOG.name)
class ProductAdded(Event):
    """A product entered the catalog with its name, variants and prices. It can be found and ordered from now on."""

    product_id: str
    kind: ProductKind
    name: str
    description: str | None = None
    identification: str | None = None
    image_url: str | None = None
    brand_id: str | None = None
    category_id: str | None = None
    supplier_id: str | None = None
    book: Book | None = None
    variants: tuple[Variant, ...]
    initial_stock: tuple[InitialStock, ...] = ()


@event("product.described", topic=CATALOG.name)
class ProductDescribed(Event):
    """A product's name or description was changed. Only the fields that changed are given."""

    product_id: str
    name: str | None = None
    description: str | None = None
    identification: str | None = None
    image_url: str | None = None
    book: Book | None = None


@event("product.price_changed", topic=CATALOG.name)
class PriceChanged(Event):
    """A SKU costs something else from now on. Orders that were placed before keep the price they were placed at."""

    product_id: str
    sku: str
    old_price: Money
    new_price: Money


class WithdrawalReason(StrEnum):
    """Why a product is no longer offered: a recall is nothing like the end of a series, and calls for other acts."""

    DISCONTINUED = "DISCONTINUED"
    RECALLED = "RECALLED"
    DUPLICATE = "DUPLICATE"
    OTHER = "OTHER"


def withdrawal(words: str, note: str | None = None) -> dict[str, Any]:
    """The fields ``reason`` and ``note`` of a withdrawal for which somebody gave ``words``: a code, in any case of
    letters, stays one; all else is the reason ``OTHER``, and the words open the note."""
    code = words.strip().upper()
    if code in WithdrawalReason.__members__:
        return {"reason": code, "note": note}
    return {"reason": WithdrawalReason.OTHER.value, "note": f"{words}: {note}" if note else words}


def _words_become_a_code(value: dict[str, Any]) -> dict[str, Any]:
    """The reason was free text. A text that is a code stays that code; any other is the note of the reason `OTHER`."""
    words = value["reason"]
    if not isinstance(words, str):
        raise TypeError("the reason is not a text")
    return {**value, **withdrawal(words)}


@event("product.withdrawn", topic=CATALOG.name, version=2)
class ProductWithdrawn(Event):
    """A product is no longer offered. It cannot be ordered any more; its history and its stock remain."""

    product_id: str
    reason: WithdrawalReason
    note: str | None = Field(default=None, description="What a person would want to know beside the reason.")

    upcasts: ClassVar[Mapping[int, Upcast]] = {1: _words_become_a_code}

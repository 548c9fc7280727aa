"""What the catalog's endpoints answer."""

from datetime import datetime
from typing import Any

import orjson
from asyncpg import Record
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from query_api.money import major

_EXAMPLE: JsonDict = {
    "id": "5c1b0d7e-6a0e-5d5e-9f8e-0b8d6c9a4f11",
    "product_id": "5c1b0d7e-6a0e-5d5e-9f8e-0b8d6c9a4f11",
    "sku": "85123A",
    "kind": "GOOD",
    "name": "WHITE HANGING HEART T-LIGHT HOLDER",
    "price": 2.55,
    "currency": "GBP",
    "quantity": 47,
    "on_hand": 50,
    "reserved": 3,
    "on_loan": 0,
    "withdrawn": False,
    "lendable": False,
    "keywords": [],
    "added_at": "2010-12-01T08:26:00Z",
    "updated_at": "2010-12-01T08:26:00Z",
    "version": 1,
}


class Product(BaseModel):
    """A product with its present price and stock. `quantity` is what can be ordered now: on hand less reserved."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    product_id: str
    sku: str
    kind: str
    name: str
    description: str | None = None
    identification: str | None = None
    image_url: str | None = None
    price: float = Field(description="In major units: 249.99.")
    currency: str
    quantity: int
    on_hand: int
    reserved: int
    on_loan: int
    copies: int | None = Field(default=None, description="Of a book: copies that are available.")
    author: str | None = None
    isbn: str | None = None
    publisher: str | None = None
    published_year: int | None = None
    language: str | None = None
    keywords: list[str] = []
    brand_id: str | None = None
    brand_name: str | None = None
    category_id: str | None = None
    category_name: str | None = None
    supplier_id: str | None = None
    supplier_name: str | None = None
    lendable: bool = False
    withdrawn: bool
    withdrawn_reason: str | None = Field(
        default=None, description="DISCONTINUED, RECALLED, DUPLICATE or OTHER; null while it is offered."
    )
    withdrawn_note: str | None = None
    added_at: datetime
    updated_at: datetime
    version: int


class ProductPage(BaseModel):
    """A page of products. `total` counts all that match; a facet counts those that match without its own filter."""

    items: list[Product]
    facets: dict[str, dict[str, int]] = Field(examples=[{"kind": {"GOOD": 3645}, "category": {}, "brand": {}}])
    facets_approximate: bool = Field(description="True above 10,000 matches: the counts are lower bounds.")
    total: int
    total_approximate: bool = Field(description="True above 10,000 matches: there are so many at least.")
    next_cursor: str | None = None


NO_STOCK = {"on_hand": 0, "reserved": 0, "on_loan": 0, "available": 0}
COLUMNS = tuple(
    name
    for name in Product.model_fields
    if name not in {"id", "quantity", "on_hand", "reserved", "on_loan", "copies", "lendable"}
)
"""What an answer takes from a row of `catalog.products`; the words to search, which are much more, stay there."""


def product(row: Record, levels: dict[str, int]) -> dict[str, Any]:
    """A row of `catalog.products` with the sums of its levels, as `Product` has it."""
    return {
        **{name: row[name] for name in COLUMNS},
        "id": row["product_id"],
        "price": major(row["price"]),
        "keywords": orjson.loads(row["keywords"]),
        "quantity": levels["available"],
        "on_hand": levels["on_hand"],
        "reserved": levels["reserved"],
        "on_loan": levels["on_loan"],
        "copies": levels["available"] if row["kind"] == "BOOK" else None,
    }

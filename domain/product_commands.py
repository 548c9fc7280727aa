"""What can be asked of a product."""

import re
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from domain.decider import Command
from domain.ids import product_id
from domain.words import MOST_PIECES, WAREHOUSE_PATTERN, BookDetails, Code, Name, Price, Sku, Text
from event_schemas.catalog import InitialStock, ProductKind
from event_schemas.topics import CATALOG


class CatalogCommand(Command):
    """A command on one product."""

    topic: ClassVar[str] = CATALOG.name


class AddProduct(CatalogCommand):
    """Offer a SKU under a name and a price. The product's id follows from its SKU."""

    type: Literal["AddProduct"] = "AddProduct"
    sku: Sku
    name: Name
    price: Price
    kind: ProductKind = ProductKind.GOOD
    description: Text | None = None
    identification: Code | None = None
    image_url: Code | None = None
    book: BookDetails | None = None
    initial_stock: tuple[InitialStock, ...] = Field(default=(), max_length=100)
    """At most one entry a warehouse, all of this SKU."""

    @model_validator(mode="after")
    def _initial_stock_can_be_received(self) -> Self:
        warehouses = [entry.warehouse_id for entry in self.initial_stock]
        if len(set(warehouses)) < len(warehouses):
            raise ValueError("initial_stock names a warehouse twice")
        for entry in self.initial_stock:
            if entry.sku != self.sku:
                raise ValueError(f"initial_stock is of SKU {entry.sku}, not {self.sku}")
            if not re.fullmatch(WAREHOUSE_PATTERN, entry.warehouse_id) or entry.quantity > MOST_PIECES:
                raise ValueError(f"initial_stock has a bad warehouse_id, or more than {MOST_PIECES} pieces")
        return self

    @property
    def aggregate_id(self) -> str:
        """The id that follows from the SKU."""
        return product_id(self.sku)


class ExistingProductCommand(CatalogCommand):
    """A command on a product that has been added."""

    product_id: Code

    @property
    def aggregate_id(self) -> str:
        """The product's id."""
        return self.product_id


class Description(ExistingProductCommand):
    """What can be said of a product; what is not given stays."""

    name: Name | None = None
    description: Text | None = None
    identification: Code | None = None
    image_url: Code | None = None
    book: BookDetails | None = None


class DescribeProduct(Description):
    """Change what is said of a product."""

    type: Literal["DescribeProduct"] = "DescribeProduct"


class ChangePrice(ExistingProductCommand):
    """Give a SKU another price. Without a SKU the product's only one is meant."""

    type: Literal["ChangePrice"] = "ChangePrice"
    sku: Sku | None = None
    new_price: Price


class ReviseProduct(Description):
    """Change what is said of a product and what it costs, both or neither."""

    type: Literal["ReviseProduct"] = "ReviseProduct"
    new_price: Price | None = None


class WithdrawProduct(ExistingProductCommand):
    """Offer a product no longer."""

    type: Literal["WithdrawProduct"] = "WithdrawProduct"
    reason: Code = "DISCONTINUED"
    """A ``WithdrawalReason``. Other words are taken too, as older clients send them: the reason is ``OTHER`` then."""
    note: Text | None = Field(default=None, exclude_if=lambda note: note is None)
    """Left out where it is not given, so that a repeat of an older command has the fingerprint that it had."""


ProductCommand = AddProduct | DescribeProduct | ChangePrice | ReviseProduct | WithdrawProduct

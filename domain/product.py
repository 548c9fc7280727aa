"""The rules of a product: it is added once per SKU, described, repriced, and withdrawn for good."""

import re
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self, assert_never

from pydantic import Field, StringConstraints, model_validator

from domain.decider import Command, Decider
from domain.ids import product_id
from domain.rejected import ProductExists, ProductGone, ProductNotFound
from event_schemas.catalog import (
    Book,
    InitialStock,
    PriceChanged,
    ProductAdded,
    ProductDescribed,
    ProductKind,
    ProductWithdrawn,
    Variant,
)
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.topics import CATALOG

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 ._-]{0,63}$")]
"""A stock code in upper case: letters, digits, blank, dot, underscore, hyphen; at most 64 characters."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


WAREHOUSE_PATTERN = r"^[A-Z0-9][A-Z0-9_-]{0,31}$"
MOST_PIECES = 10_000_000
"""The largest number of pieces that one command moves or promises."""


class Price(Money):
    """A price: 0 to 10,000,000.00 in minor units."""

    amount: int = Field(ge=0, le=1_000_000_000)


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
    book: Book | None = None
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
    book: Book | None = None


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


ProductCommand = AddProduct | DescribeProduct | ChangePrice | ReviseProduct | WithdrawProduct
ProductEvent = ProductAdded | ProductDescribed | PriceChanged | ProductWithdrawn


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its rules need it; ``added`` is None until it exists."""

    added: ProductAdded | None = None
    withdrawn: bool = False


DESCRIPTION = ("name", "description", "identification", "image_url", "book")


def decide(state: Product, command: ProductCommand) -> list[Event]:
    """The events that follow. Raises ``ProductNotFound``, ``ProductExists`` or ``ProductGone``."""
    if isinstance(command, AddProduct):
        return _add(state, command)
    if state.added is None:
        raise ProductNotFound(f"no product has the id {command.product_id}", product_id=command.product_id)
    if state.withdrawn:
        if isinstance(command, WithdrawProduct):
            return []
        raise ProductGone(f"product {command.product_id} is withdrawn", product_id=command.product_id)
    match command:
        case DescribeProduct():
            return _describe(state.added, command)
        case ChangePrice():
            return _reprice(state.added, command.sku, command.new_price)
        case ReviseProduct():
            repriced = _reprice(state.added, None, command.new_price) if command.new_price else []
            return [*_describe(state.added, command), *repriced]
        case WithdrawProduct():
            return [ProductWithdrawn(product_id=command.product_id, reason=command.reason)]
        case _:
            assert_never(command)


def _add(state: Product, command: AddProduct) -> list[Event]:
    added = ProductAdded(
        product_id=command.aggregate_id,
        kind=command.kind,
        name=command.name,
        description=command.description,
        identification=command.identification,
        image_url=command.image_url,
        book=command.book,
        variants=(Variant(sku=command.sku, price=Money(**command.price.model_dump())),),
        initial_stock=command.initial_stock,
    )
    if state.added is None:
        return [added]
    if state.added == added and not state.withdrawn:
        return []
    raise ProductExists(f"SKU {command.sku} has a product already", sku=command.sku, product_id=added.product_id)


def _describe(product: ProductAdded, command: Description) -> list[Event]:
    given = {name: getattr(command, name) for name in DESCRIPTION if getattr(command, name) is not None}
    changed = {name: value for name, value in given.items() if value != getattr(product, name)}
    return [ProductDescribed(product_id=product.product_id, **changed)] if changed else []


def _reprice(product: ProductAdded, sku: str | None, price: Price) -> list[Event]:
    variant = next((v for v in product.variants if sku in (None, v.sku)), None)
    if variant is None:
        raise ProductNotFound(f"product {product.product_id} has no SKU {sku}", sku=sku)
    new_price = Money(**price.model_dump())
    if variant.price == new_price:
        return []
    return [PriceChanged(product_id=product.product_id, sku=variant.sku, old_price=variant.price, new_price=new_price)]


def evolve(state: Product, event: ProductEvent) -> Product:
    """The product after an event."""
    match event:
        case ProductAdded():
            return Product(added=event)
        case ProductDescribed():
            assert state.added is not None
            changed = {name: getattr(event, name) for name in DESCRIPTION if getattr(event, name) is not None}
            return replace(state, added=state.added.model_copy(update=changed))
        case PriceChanged():
            assert state.added is not None
            variants = tuple(
                v.model_copy(update={"price": event.new_price}) if v.sku == event.sku else v
                for v in state.added.variants
            )
            return replace(state, added=state.added.model_copy(update={"variants": variants}))
        case ProductWithdrawn():
            return replace(state, withdrawn=True)
        case _:
            assert_never(event)


PRODUCT: Decider[Product] = Decider(CATALOG.name, Product(), decide, evolve)  # type: ignore[arg-type]  # one topic, one aggregate: the codec gives only its events
"""The rules of products, as the writer of the topic ``catalog`` runs them."""

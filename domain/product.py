"""The rules of a product: it is added once per SKU, described, repriced, and withdrawn for good."""

from dataclasses import dataclass, replace
from typing import assert_never

from domain.decider import Decider
from domain.dumped import Dumped, parts, text, whole
from domain.product_commands import (
    AddProduct,
    ChangePrice,
    DescribeProduct,
    Description,
    ProductCommand,
    ReviseProduct,
    WithdrawProduct,
)
from domain.rejected import CurrencyDiffers, ProductExists, ProductGone, ProductNotFound
from domain.words import BookDetails, Price
from event_schemas.catalog import (
    Book,
    PriceChanged,
    ProductAdded,
    ProductDescribed,
    ProductWithdrawn,
    Variant,
    withdrawal,
)
from event_schemas.codec import encode
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.topics import CATALOG

ProductEvent = ProductAdded | ProductDescribed | PriceChanged | ProductWithdrawn


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its rules need it; ``added`` is None until it exists."""

    added: ProductAdded | None = None
    withdrawn: bool = False


DESCRIPTION = ("name", "description", "identification", "image_url", "book")


def decide(state: Product, command: ProductCommand) -> list[Event]:
    """The events that follow. Raises ``ProductNotFound``, ``ProductExists``, ``ProductGone``
    or ``CurrencyDiffers``."""
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
            return [ProductWithdrawn(product_id=command.product_id, **withdrawal(command.reason, command.note))]
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
        book=_book(command.book),
        variants=(Variant(sku=command.sku, price=Money(**command.price.model_dump())),),
        initial_stock=command.initial_stock,
    )
    if state.added is None:
        return [added]
    if state.added == added and not state.withdrawn:
        return []
    raise ProductExists(f"SKU {command.sku} has a product already", sku=command.sku, product_id=added.product_id)


def _describe(product: ProductAdded, command: Description) -> list[Event]:
    given = {**{name: getattr(command, name) for name in DESCRIPTION}, "book": _book(command.book)}
    changed = {name: value for name, value in given.items() if value not in (None, getattr(product, name))}
    return [ProductDescribed(product_id=product.product_id, **changed)] if changed else []


def _book(details: BookDetails | None) -> Book | None:
    """As it stands in events, which say nothing of a command's bounds."""
    return None if details is None else Book(**details.model_dump())


def _reprice(product: ProductAdded, sku: str | None, price: Price) -> list[Event]:
    variant = next((v for v in product.variants if sku in (None, v.sku)), None)
    if variant is None:
        raise ProductNotFound(f"product {product.product_id} has no SKU {sku}", sku=sku)
    new_price = Money(**price.model_dump())
    if variant.price.currency != new_price.currency:
        raise CurrencyDiffers(
            f"SKU {variant.sku} is priced in {variant.price.currency}, not in {new_price.currency}",
            currency=variant.price.currency,
        )
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


def dump(state: Product) -> Dumped:
    """Whether it is withdrawn, and the product in the form that the log has for it, so that no field is forgotten."""
    return [int(state.withdrawn), None if state.added is None else encode(state.added).decode()]


def load(value: object) -> Product:
    """The state that ``dump`` gave. Raises ``ValueError`` or ``TypeError`` for anything else."""
    withdrawn, added = parts(value, 2)
    if whole(withdrawn) not in (0, 1):
        raise ValueError("withdrawn is neither 0 nor 1")
    event = None if added is None else ProductAdded.model_validate_json(text(added))
    return Product(added=event, withdrawn=bool(withdrawn))


PRODUCT: Decider[Product] = Decider(CATALOG.name, Product(), decide, evolve, dump, load)  # type: ignore[arg-type]  # one topic, one aggregate: the codec gives only its events
"""The rules of products, as the writer of the topic ``catalog`` runs them."""

"""From what a customer asks for to the lines of an order: name and price come from the catalog copy, at the edge."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from command_api.offers import Offers, WithdrawnProduct
from domain.order_commands import PlaceOrder
from domain.words import MOST_LINES, Code, Price, Quantity, Sku
from event_schemas.money import Money
from event_schemas.order import OrderLine
from infra.http.problems import Problem, ValidationFailed
from infra.settings import settings

MOST_TOTAL = 10**15
"""The largest total of an order in minor units, far below what a read model's sums can hold."""


class MixedCurrencies(Problem):
    """The products of one order have prices in several currencies."""

    status, code, title = 422, "mixed_currencies", "An order has one currency"


class Item(BaseModel):
    """Some pieces of a product, named by its id or its SKU."""

    model_config = ConfigDict(extra="forbid")

    product_id: Code | None = None
    sku: Sku | None = None
    quantity: Quantity

    @model_validator(mode="after")
    def _named_once(self) -> "Item":
        if (self.product_id is None) == (self.sku is None):
            raise ValueError("give either product_id or sku")
        return self


class PricedItem(Item):
    """An item of an import, which may bring the price it was sold at."""

    unit_price: Price | None = None


Items = Annotated[tuple[Item, ...], Field(min_length=1, max_length=MOST_LINES)]
PricedItems = Annotated[tuple[PricedItem, ...], Field(min_length=1, max_length=MOST_LINES)]


def order_number(order_id: str) -> str:
    """The number that people use for an order: ten characters of its id."""
    return f"SO-{order_id.replace('-', '')[-10:].upper()}"


async def placed(
    order_id: str,
    items: Sequence[Item],
    offers: Offers,
    *,
    user_id: str | None = None,
    country: str | None = None,
    number: str | None = None,
    placed_at: datetime | None = None,
) -> PlaceOrder:
    """The command that orders ``items`` at the prices of now, or at those that the items bring.

    Raises ``UnknownProduct``, ``WithdrawnProduct``, ``MixedCurrencies``, or ``ValidationFailed`` for a total above
    ``MOST_TOTAL``. What comes from history (with ``placed_at``) may name withdrawn products and has no deadline; what
    is placed now expires unless it is settled within the time that the settings give it.
    """
    lines = []
    for count, item in enumerate(items, start=1):
        offer = await offers.find(sku=item.sku, product_id=item.product_id)
        if offer.withdrawn and placed_at is None:
            raise WithdrawnProduct(f"SKU {offer.sku} is withdrawn.", sku=offer.sku)
        own = item.unit_price if isinstance(item, PricedItem) else None
        price = Money(amount=own.amount, currency=own.currency) if own is not None else offer.price
        lines.append(
            OrderLine(
                line_id=str(count),
                product_id=offer.product_id,
                sku=offer.sku,
                name=offer.name,
                quantity=item.quantity,
                unit_price=price,
                line_total=price.times(item.quantity),
            )
        )
    currencies = sorted({line.unit_price.currency for line in lines})
    if len(currencies) > 1:
        raise MixedCurrencies(f"These products cost {' and '.join(currencies)}.", currencies=currencies)
    if sum(line.line_total.amount for line in lines) > MOST_TOTAL:
        detail = f"The total is above {MOST_TOTAL // 100} {currencies[0]}."
        raise ValidationFailed(detail, errors=[{"pointer": "#/items", "detail": detail}])
    now = datetime.now(UTC)
    return PlaceOrder(
        order_id=order_id,
        order_number=number or order_number(order_id),
        user_id=user_id,
        placed_at=placed_at or now,
        lines=tuple(lines),
        country=country,
        expires_at=None if placed_at is not None else now + timedelta(seconds=settings().order_deadline_seconds),
    )

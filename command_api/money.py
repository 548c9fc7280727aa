"""Prices at the edge are decimal numbers with a currency beside them; inside they are minor units."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from domain.words import Price


def _a_number(value: object) -> object:
    if isinstance(value, str | bool):
        raise ValueError("a price is a number, as 249.99")
    return value


DecimalPrice = Annotated[
    Decimal, BeforeValidator(_a_number), Field(ge=0, le=10_000_000, decimal_places=2, examples=[249.99])
]
"""A price of 0 to 10,000,000 with at most two decimal places."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"])]
"""An ISO 4217 code."""


def minor_units(price: Decimal, currency: str) -> Price:
    """The price in minor units: 249.99 USD is 24999."""
    return Price(amount=int(price.scaleb(2)), currency=currency)

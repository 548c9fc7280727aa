"""Ids that follow from what they stand for, so that a repeat reaches the same aggregate."""

from uuid import UUID, uuid5

PRODUCTS = UUID("5a2c1c0e-6d1f-5b8e-9f43-0b9a4c0f7d10")
RESERVATIONS = UUID("c8b8a6a4-3a0b-5c57-8c5e-6f7f0e1d2a21")


def product_id(sku: str) -> str:
    """The product of a SKU: one SKU has one product, which the log itself then enforces."""
    return str(uuid5(PRODUCTS, sku))


def reservation_id(order_id: str, sku: str) -> str:
    """The demand of an order on a SKU: all lines of one SKU are one demand."""
    return str(uuid5(RESERVATIONS, f"{order_id}/{sku}"))

"""What the endpoints of orders answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from asyncpg import Record
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from query_api.money import major

_EXAMPLE: JsonDict = {
    "order_id": "0b6f4f5e-3c0a-5f0e-8d55-4c0f0e0b8a11",
    "order_number": "536365",
    "user_id": "17850",
    "status": "CONFIRMED",
    "placed_at": "2010-12-01T08:26:00Z",
    "settled_at": "2010-12-01T08:26:00Z",
    "currency": "GBP",
    "subtotal": 139.12,
    "total": 139.12,
    "line_count": 7,
    "quantity": 40,
    "country": "United Kingdom",
    "flags": [],
    "version": 4,
    "updated_at": "2010-12-01T08:26:00Z",
}


class Flag(BaseModel):
    """Why a person must look at the order."""

    reason: str
    sku: str | None = None


class Order(BaseModel):
    """An order with its status and totals. `reason` says why it was rejected or cancelled."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    order_id: str
    order_number: str
    user_id: str | None
    status: str = Field(description="PENDING, CONFIRMED, REJECTED, CANCELLED or EXPIRED.")
    reason: str | None = None
    cancelled_by: str | None = None
    placed_at: datetime
    settled_at: datetime | None = None
    cancelled_at: datetime | None = None
    currency: str
    subtotal: float
    total: float
    line_count: int
    quantity: int
    country: str | None = None
    payment_method: str | None = None
    payment_id: str | None = None
    flags: list[Flag] = []
    version: int
    updated_at: datetime


class Line(BaseModel):
    """One line as it was ordered; name and price are those of that moment."""

    line_id: str
    product_id: str
    sku: str
    name: str
    quantity: int
    unit_price: float
    line_total: float
    currency: str


class OrderWithLines(Order):
    """An order with its lines, in the order in which they were given."""

    lines: list[Line]


class OrderPage(BaseModel):
    """A page of orders, newest first."""

    items: list[Order]
    next_cursor: str | None = None


class Step(BaseModel):
    """One event of an order's story."""

    sequence: int
    type: str
    actor: str
    at: datetime
    appended_at: datetime
    event_id: str
    data: dict[str, Any]


class Timeline(BaseModel):
    """An order's story from its first event to its last."""

    order_id: str
    items: list[Step]


class LatestLine(BaseModel):
    """One line of one of the latest orders, flat. What does not exist yet is null."""

    order_id: str
    user_id: str | None
    quantity: int
    total_price: float
    currency: str
    product_id: str
    product_name: str
    brand_name: str | None = None
    category_name: str | None = None
    supplier_name: str | None = None
    user_name: str | None = None
    user_email: str | None = None
    status: str
    placed_at: datetime


class LatestLines(BaseModel):
    """The lines of the latest orders, newest order first."""

    items: list[LatestLine]


def order(row: Record) -> dict[str, Any]:
    """A row of `orders.orders`, as `Order` has it."""
    money = {"subtotal": major(row["subtotal"]), "total": major(row["total"])}
    flags = [{"reason": flag["reason"], "sku": flag.get("sku")} for flag in orjson.loads(row["flags"])]
    return {**dict(row), **money, "flags": flags}


def line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `orders.lines`, as `Line` has it."""
    return {**row, "unit_price": major(row["unit_price"]), "line_total": major(row["line_total"])}

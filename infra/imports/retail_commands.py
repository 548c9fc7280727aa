"""A retail plan as commands. Every key follows from the file's own identities, so that a second run changes nothing.

A key has no blanks; those of a stock code (`BANK CHARGES`) stand in it as `%20`.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from infra.imports.bulk_command import BulkCommand, command
from infra.imports.retail import Order, RetailPlan, WriteOff
from infra.imports.retail_rows import LARGEST_QUANTITY

CURRENCY = "GBP"
WAREHOUSE = "MAIN"


def write_off_key(invoice: str, row: int) -> str:
    """Key and reference of a write-off."""
    return f"retail:writeoff:{invoice}:{row}"


def receipt_parts(pieces: Mapping[str, int], digest: str) -> dict[str, tuple[str, int]]:
    """Receipts by key, each as (sku, pieces). More than the domain takes at once is received in parts.

    The key names the file by its digest: a file that goes on where another ended needs receipts of its own.
    """
    parts: dict[str, tuple[str, int]] = {}
    for sku, whole in pieces.items():
        left, number = whole, 1
        while left > 0:
            key = f"retail:receipt:{digest}:{quote(sku)}" + (f":{number}" if number > 1 else "")
            parts[key] = (sku, min(left, LARGEST_QUANTITY))
            left, number = left - LARGEST_QUANTITY, number + 1
    return parts


def products(plan: RetailPlan) -> Iterator[BulkCommand]:
    """One AddProduct per stock code, two minutes before the file's first time."""
    at = _before(plan, minutes=2)
    for product in plan.products.values():
        fields = {
            "type": "AddProduct",
            "sku": product.sku,
            "name": product.name,
            "price": {"amount": product.pence, "currency": CURRENCY},
            "kind": "GOOD",
        }
        yield command("products", f"retail:product:{quote(product.sku)}", fields, at=at, rows=0)


def receipts(plan: RetailPlan, parts: Mapping[str, tuple[str, int]]) -> Iterator[BulkCommand]:
    """One ReceiveStock per part, one minute before the file's first time; the key is its reference too."""
    at = _before(plan, minutes=1)
    for key, (sku, pieces) in parts.items():
        fields = {
            "type": "ReceiveStock",
            "sku": sku,
            "warehouse_id": WAREHOUSE,
            "quantity": pieces,
            "reference": key,
        }
        yield command("receipts", key, fields, at=at, rows=0)


def orders_and_write_offs(plan: RetailPlan, known: Collection[str] = frozenset()) -> Iterator[BulkCommand]:
    """Orders and write-offs in the order of their times; write-offs whose key is `known` are left out."""
    entries: list[tuple[datetime, Order | WriteOff]] = [(order.at, order) for order in plan.orders.values()]
    entries += [(off.at, off) for off in plan.write_offs if write_off_key(off.invoice, off.row) not in known]
    for _, entry in sorted(entries, key=lambda pair: pair[0]):
        yield _order(entry) if isinstance(entry, Order) else _write_off(entry)


def _order(order: Order) -> BulkCommand:
    fields: dict[str, Any] = {
        "type": "PlaceOrder",
        "items": [
            {"sku": sku, "quantity": quantity, "unit_price": {"amount": pence, "currency": CURRENCY}}
            for sku, quantity, pence in order.lines
        ],
        "order_number": order.number,
        "placed_at": order.at,
    }
    if order.customer:
        fields["user_id"] = order.customer
    if order.country:
        fields["country"] = order.country
    return command("orders", f"retail:order:{order.number}", fields, at=order.at, rows=len(order.lines))


def _write_off(off: WriteOff) -> BulkCommand:
    key = write_off_key(off.invoice, off.row)
    fields = {
        "type": "AdjustStock",
        "sku": off.sku,
        "warehouse_id": WAREHOUSE,
        "delta": -off.quantity,
        "reason": "WRITE_OFF",
        "reference": key,
    }
    return command("adjustments", key, fields, at=off.at)


def _before(plan: RetailPlan, *, minutes: int) -> datetime | None:
    return plan.begins - timedelta(minutes=minutes) if plan.begins else None

"""From retail rows to what shall happen: products, receipts, orders, write-offs. Pure: no file, no clock, no network.

A row of a cancellation, a price below a cent or with fractions of a cent, a negative price: reported, not guessed.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from infra.imports.csv_rows import Row
from infra.imports.report import Refusals
from infra.imports.retail_rows import RetailRow, RowRefused, parse

MOST_LINES = 2_000
"""Most lines of one order that the domain takes."""


class Line(NamedTuple):
    """One row of an invoice, as it is ordered. The price is in pence."""

    sku: str
    quantity: int
    pence: int


@dataclass
class Order:
    """An invoice with positive quantities. Number, time, customer and country are those of its first such `row`."""

    number: str
    at: datetime
    customer: str | None
    country: str | None
    row: Row
    lines: list[Line] = field(default_factory=list)


class WriteOff(NamedTuple):
    """A negative quantity outside a cancellation: so many pieces left the shelf unsold."""

    invoice: str
    row: int
    """The row's number within its invoice, from 1, refused rows counted."""
    at: datetime
    sku: str
    quantity: int


@dataclass
class Product:
    """A stock code with what its rows say of it."""

    sku: str
    names: Counter[str] = field(default_factory=Counter)
    prices: Counter[int] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The most frequent description of its sales (of equals the first seen); without one, the code itself."""
        return self.names.most_common(1)[0][0] if self.names else self.sku

    @property
    def pence(self) -> int:
        """The most frequent price above 0 at which it was sold (of equals the first seen); 0 when it never had one."""
        return self.prices.most_common(1)[0][0] if self.prices else 0


@dataclass
class RetailPlan:
    """What a file asks for. Orders and write-offs are in the order of the file's first mention."""

    products: dict[str, Product] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    write_offs: list[WriteOff] = field(default_factory=list)
    refusals: Refusals = field(default_factory=Refusals)
    rows: int = 0

    @property
    def begins(self) -> datetime | None:
        """The earliest time of an order or write-off; None when there is neither."""
        times = [order.at for order in self.orders.values()] + [off.at for off in self.write_offs]
        return min(times, default=None)

    def receipts(
        self, known_orders: Collection[str] = frozenset(), known_write_offs: Collection[tuple[str, int]] = frozenset()
    ) -> dict[str, int]:
        """Pieces to receive per SKU: exactly what the orders sell and the write-offs take, less what is known already.

        `known_orders` are invoice numbers, `known_write_offs` (invoice, row) that an earlier import has carried out.
        """
        pieces: Counter[str] = Counter()
        for order in self.orders.values():
            if order.number not in known_orders:
                for line in order.lines:
                    pieces[line.sku] += line.quantity
        for off in self.write_offs:
            if (off.invoice, off.row) not in known_write_offs:
                pieces[off.sku] += off.quantity
        return dict(pieces)


def plan(rows: Iterable[Row]) -> RetailPlan:
    """What the rows ask for; every row is in it or among its refusals."""
    result = RetailPlan()
    row_of: Counter[str] = Counter()
    for row in rows:
        result.rows += 1
        if row.fault is not None:
            result.refusals.add(row.fault, row.line, row.fields)
            continue
        invoice = row.fields[0].strip()
        row_of[invoice] += 1
        try:
            _take(result, parse(row.fields), row, row_of[invoice])
        except RowRefused as refused:
            result.refusals.add(refused.reason, row.line, row.fields)
    for order in [order for order in result.orders.values() if len(order.lines) > MOST_LINES]:
        del result.orders[order.number]
        result.refusals.add("order_too_long", order.row.line, order.row.fields, count=len(order.lines))
    return result


def _take(result: RetailPlan, row: RetailRow, source: Row, number: int) -> None:
    product = result.products.get(row.sku)
    if product is None:
        product = result.products[row.sku] = Product(row.sku)
    if row.invoice[0] in "Cc":
        raise RowRefused("cancellation")
    if row.pence < 0:
        raise RowRefused("negative_price")
    if 0 < row.pence < 1:
        raise RowRefused("price_below_a_cent")
    pence = int(row.pence)
    if pence != row.pence:
        raise RowRefused("fraction_of_a_cent")
    if row.quantity < 0:
        result.write_offs.append(WriteOff(row.invoice, number, row.at, row.sku, -row.quantity))
        return
    order = result.orders.get(row.invoice)
    if order is None:
        order = result.orders[row.invoice] = Order(row.invoice, row.at, row.customer, row.country, source)
    order.lines.append(Line(row.sku, row.quantity, pence))
    if row.description:
        product.names[row.description] += 1
    if pence:
        product.prices[pence] += 1

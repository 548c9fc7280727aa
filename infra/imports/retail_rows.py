"""One row of the retail file, checked field by field. Pure; what cannot be read is refused, never guessed."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
LARGEST_QUANTITY = 10_000_000
HIGHEST_PRICE = 1_000_000_000
"""In pence, as the domain's `Price`."""
SKU = re.compile(r"[A-Z0-9][A-Z0-9 ._-]{0,63}", re.ASCII)
"""The stock codes that the domain knows; a test holds it against `domain.words.Sku`."""
_INVOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_PRICE = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{0,12})?", re.ASCII)
_TIMES = ("%m/%d/%y %H:%M", "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
LONGEST_NAME = 500
LONGEST_CODE = 200
"""As the domain's `Name` and `Code`."""


class RowRefused(Exception):
    """The row says something that cannot be taken as it stands; `reason` is a stable code of the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RetailRow(NamedTuple):
    """A row that can be read. Whether it is a sale, a write-off or a cancellation is not decided here."""

    invoice: str
    sku: str
    description: str
    quantity: int
    at: datetime
    pence: Decimal
    customer: str | None
    country: str | None


def parse(fields: Sequence[str]) -> RetailRow:
    """The row of eight fields, in the order of `COLUMNS`. Raises `RowRefused`."""
    invoice, code, description, quantity, at, price, customer, country = fields
    return RetailRow(
        _invoice(invoice),
        _sku(code),
        line_of_text(description, LONGEST_NAME),
        _quantity(quantity),
        _time(at),
        _pence(price),
        line_of_text(customer, LONGEST_CODE) or None,
        line_of_text(country, LONGEST_CODE) or None,
    )


@lru_cache(maxsize=4_096)
def _invoice(text: str) -> str:
    number = text.strip()
    if not _INVOICE.fullmatch(number):
        raise RowRefused("bad_invoice_number")
    return number


@lru_cache(maxsize=65_536)
def _sku(text: str) -> str:
    sku = text.strip().upper()
    if not SKU.fullmatch(sku):
        raise RowRefused("bad_stock_code")
    return sku


@lru_cache(maxsize=4_096)
def _quantity(text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        raise RowRefused("bad_quantity")
    quantity = int(text)
    if quantity == 0:
        raise RowRefused("quantity_zero")
    if abs(quantity) > LARGEST_QUANTITY:
        raise RowRefused("absurd_quantity")
    return quantity


@lru_cache(maxsize=4_096)
def _time(text: str) -> datetime:
    for form in _TIMES:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise RowRefused("bad_date")


@lru_cache(maxsize=4_096)
def _pence(text: str) -> Decimal:
    if not text.strip():
        return Decimal(0)
    if not _PRICE.fullmatch(text.strip()):
        raise RowRefused("bad_price")
    try:
        pence = Decimal(text.strip()).scaleb(2)
    except InvalidOperation as error:
        raise RowRefused("bad_price") from error
    if abs(pence) > HIGHEST_PRICE:
        raise RowRefused("absurd_price")
    return pence


@lru_cache(maxsize=65_536)
def line_of_text(text: str, longest: int) -> str:
    """The text without blanks around it. Raises `RowRefused` above `longest` characters, and for control characters."""
    stripped = text.strip()
    if len(stripped) > longest:
        raise RowRefused("text_too_long")
    if _CONTROL.search(stripped):
        raise RowRefused("unreadable_characters")
    return stripped

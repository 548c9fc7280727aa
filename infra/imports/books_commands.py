"""A books plan as commands: products of kind BOOK, lendable later; copies only where they are asked for."""

from collections.abc import Collection, Iterator
from typing import Any

from infra.imports.books import BookRow, BooksPlan
from infra.imports.bulk_command import BulkCommand, command
from infra.imports.retail_commands import CURRENCY, WAREHOUSE


def receipt_key(sku: str) -> str:
    """Key and reference of a book's copies."""
    return f"books:receipt:{sku}"


def products(plan: BooksPlan, pence: int) -> Iterator[BulkCommand]:
    """One AddProduct per book, all at the price `pence`, since the file has none."""
    for book in plan.books.values():
        fields: dict[str, Any] = {
            "type": "AddProduct",
            "sku": book.sku,
            "name": book.title,
            "price": {"amount": pence, "currency": CURRENCY},
            "kind": "BOOK",
            "identification": f"goodbooks:{book.book_id}",
            "book": _book(book),
        }
        yield command("products", f"books:product:{book.sku}", fields)


def receipts(plan: BooksPlan, copies: int, known: Collection[str] = frozenset()) -> Iterator[BulkCommand]:
    """One ReceiveStock of `copies` pieces per book, but for those whose key is `known`."""
    for sku in plan.books:
        key = receipt_key(sku)
        if key not in known:
            fields = {
                "type": "ReceiveStock",
                "sku": sku,
                "warehouse_id": WAREHOUSE,
                "quantity": copies,
                "reference": key,
            }
            yield command("receipts", key, fields)


def _book(book: BookRow) -> dict[str, Any]:
    known = {
        "author": book.authors,
        "isbn": book.isbn,
        "published_year": book.year,
        "language": book.language,
    }
    return {name: value for name, value in known.items() if value is not None}

"""The words that commands share, with their bounds: what is outside them is refused at the edge."""

from typing import Annotated

from pydantic import Field, StringConstraints

from event_schemas.catalog import Book
from event_schemas.money import Money

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 ._-]{0,63}$")]
"""A stock code in upper case: letters, digits, blank, dot, underscore, hyphen; at most 64 characters."""
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""A line that people read: no control characters, at most 500."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000, pattern=r"^[^\x00]*$")]
"""A text of several lines: anything but NUL, which no store of a read model can hold; at most 10,000 characters."""
Code = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""An id, a number, a reason: no control characters, at most 200."""
WAREHOUSE_PATTERN = r"^[A-Z0-9][A-Z0-9_-]{0,31}$"
WarehouseId = Annotated[str, Field(pattern=WAREHOUSE_PATTERN)]
"""A warehouse: upper-case letters, digits, hyphen, underscore; at most 32 characters."""
MOST_PIECES = 10_000_000
"""The largest number of pieces that one command moves or promises."""
Quantity = Annotated[int, Field(ge=1, le=MOST_PIECES, strict=True)]
"""Pieces: 1 to 10,000,000."""


class Price(Money):
    """A price: 0 to 10,000,000.00 in minor units."""

    amount: int = Field(ge=0, le=1_000_000_000)


class BookDetails(Book):
    """What a command may say of a book."""

    author: Name
    isbn: Code | None = None
    publisher: Name | None = None
    keywords: tuple[Code, ...] = Field(default=(), max_length=100)
    published_year: int | None = Field(default=None, ge=-3000, le=3000)
    language: Code | None = None

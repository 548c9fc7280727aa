"""The words that commands share, with their bounds: what is outside them is refused at the edge."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from event_schemas.catalog import Book
from event_schemas.money import Money

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 ._-]{0,63}$")]
"""A stock code in upper case: letters, digits, blank, dot, underscore, hyphen; at most 64 characters."""
LINE = r"^[^\x00-\x1f\x7f]+$"
"""A line of text: no control characters."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=LINE)]
"""A name that people read, at most 500 characters."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000, pattern=r"^[^\x00]*$")]
"""A text of several lines: anything but NUL, which no store of a read model can hold; at most 10,000 characters."""
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=LINE)]
"""An id, a number, a reason: at most 200 characters."""
WAREHOUSE_PATTERN = r"^[A-Z0-9][A-Z0-9_-]{0,31}$"
WarehouseId = Annotated[str, Field(pattern=WAREHOUSE_PATTERN)]
"""A warehouse: upper-case letters, digits, hyphen, underscore; at most 32 characters."""
MOST_LINES = 1_500
"""The most lines of an order: the events that settle it must fit into one batch of the log, or it would hang."""
MOST_PIECES = 10_000_000
"""The largest number of pieces that one command moves or promises."""
Quantity = Annotated[int, Field(ge=1, le=MOST_PIECES, strict=True)]
"""Pieces: 1 to 10,000,000."""
BusinessTime = Annotated[AwareDatetime, Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))]
"""When something happened, with a time zone: 1900 to 2200, which UTC and every store of a read model can hold."""


class Price(Money):
    """A price: 0 to 10,000,000.00 in minor units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: int = Field(ge=0, le=1_000_000_000)


class BookDetails(Book):
    """What a command may say of a book."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=LINE)]
    isbn: Code | None = None
    publisher: Name | None = None
    keywords: tuple[Code, ...] = Field(default=(), max_length=100)
    published_year: int | None = Field(default=None, ge=-3000, le=3000)
    language: Code | None = None

"""From rows of the books file to products of kind BOOK. Pure: no file, no clock, no network.

The SKU is the ISBN-13 where the ISBN can be repaired and its check digit is right, else `GB-<book_id>`.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.imports.csv_rows import Row
from infra.imports.isbn import from_isbn10, from_isbn13
from infra.imports.report import Refusals
from infra.imports.retail_rows import LONGEST_CODE, LONGEST_NAME, RowRefused, line_of_text

COLUMNS = (
    "book_id",
    "isbn",
    "isbn13",
    "authors",
    "original_publication_year",
    "title",
    "language_code",
    "average_rating",
    "ratings_count",
)
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_YEAR = re.compile(r"-?[0-9]{1,4}(\.0*)?", re.ASCII)
FARTHEST_YEAR = 3_000
"""From the year 0, either way, as the domain takes it."""


class BookRow(NamedTuple):
    """A book as the file tells it. Years before the common era are negative."""

    book_id: str
    sku: str
    isbn: str | None
    title: str
    authors: str
    year: int | None
    language: str | None


@dataclass
class BooksPlan:
    """What a file asks for. `identified` counts the books by where their SKU comes from."""

    books: dict[str, BookRow] = field(default_factory=dict)
    refusals: Refusals = field(default_factory=Refusals)
    identified: Counter[str] = field(default_factory=Counter)
    rows: int = 0


def plan(rows: Iterable[Row]) -> BooksPlan:
    """What the rows ask for; every row is in it or among its refusals."""
    result = BooksPlan()
    for row in rows:
        result.rows += 1
        try:
            if row.fault is not None:
                raise RowRefused(row.fault)
            book, source = parse(row.fields)
            if book.sku in result.books:
                raise RowRefused("same_isbn_twice" if book.isbn else "same_book_id_twice")
            result.books[book.sku] = book
            result.identified[source] += 1
        except RowRefused as refused:
            result.refusals.add(refused.reason, row.line, row.fields)
    return result


def parse(fields: Iterable[str]) -> tuple[BookRow, str]:
    """A book and where its SKU comes from (`isbn`, `isbn13`, `no_isbn`, `wrong_check_digit`). Raises `RowRefused`."""
    book_id, isbn, isbn13, authors, year, title, language, _rating, _ratings = (field.strip() for field in fields)
    title, authors = line_of_text(title, LONGEST_NAME), line_of_text(authors, LONGEST_NAME)
    language = line_of_text(language, LONGEST_CODE)
    if not _ID.fullmatch(book_id):
        raise RowRefused("bad_book_id")
    if not title or not authors:
        raise RowRefused("no_author" if title else "no_title")
    if year and (not _YEAR.fullmatch(year) or abs(float(year)) > FARTHEST_YEAR):
        raise RowRefused("bad_year")
    found, source = from_isbn10(isbn), "isbn"
    if found is None:
        found, source = from_isbn13(isbn13), "isbn13"
    if found is None:
        source = "wrong_check_digit" if isbn else "no_isbn"
    sku = found or f"GB-{book_id}"
    return BookRow(book_id, sku, found, title, authors, int(float(year)) if year else None, language or None), source

"""SQL for a page of products: filters, order, keyset. Pure; every value is an argument, never part of the text."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from infra.folding import fold
from query_api.catalog_answers import COLUMNS
from query_api.search_words import codes, prefix_query, words_of

_RANK = (
    "(ts_rank(p.search, {query})::float8 + CASE WHEN p.sku = ANY({codes}) OR p.isbn = ANY({codes}) THEN 1 ELSE 0 END)"
)

MOST_COUNTED = 10_000
MOST_RANKED = 10_000
_SHOWN = ", ".join(f"p.{name}" for name in COLUMNS)
_COUNTED = f"LIMIT {MOST_COUNTED + 1}"


class Sort(StrEnum):
    """In which order products are listed. Ties are broken by the product's id."""

    RELEVANCE = "relevance"
    NAME = "name"
    PRICE = "price"
    PRICE_DESC = "-price"
    NEWEST = "newest"


class Filters(NamedTuple):
    """What to list; None does not filter. Prices in minor units."""

    search: str | None = None
    kind: str | None = None
    category: str | None = None
    brand: str | None = None
    supplier: str | None = None
    author: str | None = None
    min_price: int | None = None
    max_price: int | None = None
    available: bool | None = None
    lendable: bool | None = None

    @property
    def none(self) -> bool:
        """Whether everything is listed."""
        return all(value is None for value in self)


class ProductQuery:
    """The statements for one set of filters. With `typos`, words are matched by likeness instead of exactly."""

    def __init__(self, filters: Filters, *, typos: bool = False) -> None:
        self._filters = filters
        self._typos = typos
        self.args: list[Any] = []
        self._rank = "0::float8"
        self._where = self._conditions()

    def count(self) -> str:
        """How many there are, as column `total`; `MOST_COUNTED` + 1 for any number above."""
        return f"SELECT count(*) AS total FROM (SELECT FROM catalog.products p WHERE {self._where} {_COUNTED}) p"

    def kinds(self) -> str:
        """How many there are of each kind, as columns `value` and `count`. For filters without `kind`.

        Of more than `MOST_COUNTED` in all, one more than these are counted.
        """
        found = f"SELECT p.kind FROM catalog.products p WHERE {self._where} {_COUNTED}"
        return f"SELECT p.kind AS value, count(*) AS count FROM ({found}) p GROUP BY p.kind"

    def page(self, sort: Sort, after: Sequence[Any] | None, limit: int, offset: int) -> str:
        """A page after the sort values `after` (or after `offset` rows); `sort_value` is the row's own.

        By relevance a page is of the first `MOST_RANKED` that are found.
        """
        column, direction, _ = self._order(sort)
        found = f"SELECT * FROM catalog.products p WHERE {self._where}"
        if sort is Sort.RELEVANCE:
            found = f"{found} LIMIT {MOST_RANKED}"
        keyset = "true"
        if after is not None:
            comparison = ">" if direction == "ASC" else "<"
            keyset = f"({column}, p.product_id) {comparison} ({self._arg(after[0])}, {self._arg(after[1])})"
        rows = f"LIMIT {self._arg(limit)} OFFSET {self._arg(offset)}"
        return (
            f"SELECT {_SHOWN}, {column} AS sort_value FROM ({found}) p WHERE {keyset} "
            f"ORDER BY {column} {direction}, p.product_id {direction} {rows}"
        )

    def _order(self, sort: Sort) -> tuple[str, str, type]:
        return {
            Sort.RELEVANCE: (self._rank, "DESC", float),
            Sort.NAME: ("p.folded_name", "ASC", str),
            Sort.PRICE: ("p.price", "ASC", int),
            Sort.PRICE_DESC: ("p.price", "DESC", int),
            Sort.NEWEST: ("p.added_at", "DESC", datetime),
        }[sort]

    def _arg(self, value: Any) -> str:
        self.args.append(value)
        return f"${len(self.args)}"

    def _conditions(self) -> str:
        filters = self._filters
        parts = ["NOT p.withdrawn"]
        if filters.search is not None:
            parts.append(self._matches(fold(filters.search)))
        for column in ("kind", "category", "brand", "supplier"):
            value = getattr(filters, column)
            if value is not None:
                name = column if column == "kind" else f"{column}_id"
                parts.append(f"p.{name} = {self._arg(value)}")
        if filters.author is not None:
            parts.append(f"strpos(p.folded_author, {self._arg(fold(filters.author))}) > 0")
        if filters.min_price is not None:
            parts.append(f"p.price >= {self._arg(filters.min_price)}")
        if filters.max_price is not None:
            parts.append(f"p.price <= {self._arg(filters.max_price)}")
        if filters.available is not None:
            free = "(SELECT COALESCE(sum(l.available), 0) FROM stock.levels l WHERE l.sku = p.sku)"
            parts.append(f"{free} {'>' if filters.available else '<='} 0")
        if filters.lendable:
            parts.append("false")  # no product has lending terms yet
        return " AND ".join(parts)

    def _matches(self, words: str) -> str:
        if self._typos:
            folded = self._arg(words)
            self._rank = f"word_similarity({folded}, p.folded)::float8"
            return f"{folded} <% p.folded"
        wanted, excluded = words_of(words)
        prefix = self._arg(prefix_query(words))
        query = f"({self._either(wanted)} || to_tsquery('simple', {prefix}))"
        exact = self._arg(codes(words))
        self._rank = _RANK.format(query=query, codes=exact)
        # Each part of a product is indexed in one of the two ways only, so what is excluded must be found in neither.
        found = " && ".join([query, *(f"!!{self._either(each)}" for each in excluded)])
        return f"(p.search @@ ({found}) OR p.sku = ANY({exact}) OR p.isbn = ANY({exact}))"

    def _either(self, words: str) -> str:
        """A query of these words by their stems, or as they are written."""
        text = self._arg(words)
        return f"(websearch_to_tsquery('english', {text}) || websearch_to_tsquery('simple', {text}))"


def sort_kind(sort: Sort) -> type:
    """Type of the first sort value of a cursor; the second is the product's id."""
    return ProductQuery(Filters())._order(sort)[2]

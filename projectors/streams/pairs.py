"""What was bought together with one product: orders by partner, bounded. Pure.

Counts are exact while a product has had at most `MOST` partners. Beyond that the rarest are forgotten down to `KEPT`,
so a count is then a lower bound; which ones depends on the events alone, never on how they came in batches.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

MOST, KEPT = 100, 50
PRODUCTS = 50
"""Only so many products of an order are paired, the first: 500 lines of a wholesaler say little about any two."""


class Partners:
    """In how many orders other products came with one product. `applied` is the offset after the last event."""

    __slots__ = ("applied", "counts")

    def __init__(self, applied: int = 0, counts: Iterable[tuple[str, int]] = ()) -> None:
        self.applied = applied
        self.counts: dict[str, int] = dict(counts)

    def add(self, partners: Iterable[str], sign: int) -> None:
        """One order more with each of `partners`, or one less with `sign` -1 (of those that are still kept)."""
        for partner in partners:
            total = self.counts.get(partner, 0) + sign
            if total > 0:
                self.counts[partner] = total
            else:
                self.counts.pop(partner, None)
        if len(self.counts) > MOST:
            self.counts = dict(self.top(KEPT))

    def top(self, limit: int) -> Sequence[tuple[str, int]]:
        """The partners with the highest counts, ties by id."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def dump(self) -> list[Any]:
        """The row as JSON holds it; `load` is its inverse."""
        return [self.applied, list(self.counts.items())]

    @classmethod
    def load(cls, dumped: list[Any]) -> "Partners":
        """The row of what `dump` gave."""
        return cls(dumped[0], dumped[1])


def together(products: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Each product of an order with all others of it; nothing when there is but one."""
    distinct = list(dict.fromkeys(products))[:PRODUCTS]
    if len(distinct) > 1:
        for product in distinct:
            yield product, [other for other in distinct if other != product]

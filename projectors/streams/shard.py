"""What the streams know of one partition of orders: the position, and the rows of its products. Pure.

A row tells up to where it was applied, and passes over what it has: rows that were stored ahead of the position, as a
kill leaves them, count nothing twice.
"""

from collections.abc import Iterable
from typing import NamedTuple

from event_schemas.event import Event
from event_schemas.order import OrderCancelled, OrderConfirmed
from infra.log_batch import START, Batch, Position
from projectors.stores.store import last_appended_ms
from projectors.streams.pairs import Partners, together
from projectors.streams.windows import Sold, is_reached

TRADES = (OrderConfirmed, OrderCancelled)
"""Events that may sell something or take it back."""


class Trade(NamedTuple):
    """A confirmed order (`sign` 1) or one that was called off (-1): pieces by product, at its business time in seconds
    since 1970.
    """

    offset: int
    at: int
    sign: int
    pieces: dict[str, int]


def trade(offset: int, event: Event) -> Trade | None:
    """What an event sold or took back; None when it did neither."""
    if isinstance(event, OrderConfirmed):
        sign, lines = 1, event.lines
    elif isinstance(event, OrderCancelled) and event.sold:
        sign, lines = -1, event.sold
    else:
        return None
    pieces: dict[str, int] = {}
    for line in lines:
        pieces[line.product_id] = pieces.get(line.product_id, 0) + line.quantity
    return Trade(offset, int(event.placed_at.timestamp()), sign, pieces)


class Shard:
    """One partition: everything before `position` is in the rows."""

    def __init__(self) -> None:
        self.position: Position = START
        self.appended_ms = 0
        """Append time of the last record that counts, milliseconds since 1970; 0 before the first."""
        self.void = 0
        """Records passed so far that never happened."""
        self.undecodable = 0
        """Events passed so far that count and could not be read: the rows lack them."""
        self.undecodable_at: int | None = None
        """Offset of the last of them."""
        self.sold: dict[str, Sold] = {}
        self.partners: dict[str, Partners] = {}

    def pass_to(self, batch: Batch) -> None:
        """Move the position to the end of a batch."""
        self.position = batch.after
        self.appended_ms = last_appended_ms(batch, self.appended_ms)
        self.void += batch.void

    def pass_over(self, offset: int) -> None:
        """Note an event that cannot be read."""
        self.undecodable += 1
        self.undecodable_at = offset

    def apply(self, trades: Iterable[Trade], now: int) -> tuple[set[str], set[str]]:
        """Count trades in their order, at `now` in seconds since 1970; gives the products whose sums, and those whose
        partners have changed. The position is the caller's to move (`pass_to`).
        """
        sold: set[str] = set()
        paired: set[str] = set()
        for offset, at, sign, pieces in trades:
            for product, quantity in pieces.items() if is_reached(at, now) else ():
                row = self.sold.get(product) or self.sold.setdefault(product, Sold())
                if row.applied <= offset:
                    row.add(at, sign * quantity, now)
                    row.applied = offset + 1
                    sold.add(product)
            for product, others in together(pieces):
                partners = self.partners.get(product) or self.partners.setdefault(product, Partners())
                if partners.applied <= offset:
                    partners.add(others, sign)
                    partners.applied = offset + 1
                    paired.add(product)
        return sold, paired

    def expire(self, now: int, stored: int) -> set[str]:
        """Forget what no window reaches; gives the products of which nothing is left, which are gone from here. Those
        that changed behind the offset `stored`, up to which all rows are kept, stay: after a kill in which only the
        removal was kept, their last trades would count again in a row that does not know of them.
        """
        for row in self.sold.values():
            row.expire(now)
        gone = {product for product, row in self.sold.items() if row.is_empty and row.applied <= stored}
        for product in gone:
            del self.sold[product]
        return gone

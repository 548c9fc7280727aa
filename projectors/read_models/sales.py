"""Read model `sales`: what was sold per UTC day, SKU and currency. A cancelled sale is taken back from its own day.

The partition is part of the key, so that no row is written from two partitions; whoever asks sums over it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date
from typing import Any, NamedTuple

from event_schemas.order import OrderCancelled, OrderConfirmed, SoldLine
from event_schemas.record import Recorded
from event_schemas.topics import ORDERS
from projectors.projection import Bulk, Copy, Projection, Statement
from projectors.read_models.rows import over, summable

DDL = """
CREATE TABLE {schema}.sold_daily (
    partition int NOT NULL,
    day date NOT NULL,
    sku text NOT NULL,
    product_id text NOT NULL,
    currency text NOT NULL,
    quantity bigint NOT NULL,
    revenue bigint NOT NULL
);
"""

KEYS = """
ALTER TABLE {schema}.sold_daily ADD PRIMARY KEY (partition, day, sku, product_id, currency);
"""

INDEXES = """
CREATE INDEX ON {schema}.sold_daily (day, sku);
CREATE INDEX ON {schema}.sold_daily (sku, day);
"""

SOLD = """
INSERT INTO {schema}.sold_daily AS s
SELECT * FROM unnest($1::int[], $2::date[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
ON CONFLICT (partition, day, sku, product_id, currency)
DO UPDATE SET quantity = s.quantity + excluded.quantity, revenue = s.revenue + excluded.revenue
"""


COLUMNS = "partition", "day", "sku", "product_id", "currency", "quantity", "revenue"

STAGING = "CREATE TABLE {schema}.sold_parts (LIKE {schema}.sold_daily);"

FINISH = """
INSERT INTO {schema}.sold_daily
SELECT partition, day, sku, product_id, currency, sum(quantity), sum(revenue) FROM {schema}.sold_parts
GROUP BY partition, day, sku, product_id, currency;
DROP TABLE {schema}.sold_parts;
"""


class Sold(NamedTuple):
    """What one event sold or took back (`sign` -1) on the UTC day on which its order was placed."""

    partition: int
    day: date
    sign: int
    lines: Iterable[SoldLine]


def sold(events: Sequence[Recorded]) -> Iterator[Sold]:
    """What these events of orders sold and took back, in their order; events that do neither are passed over.

    Raises `ValueError` for a number that is too large to be added up, `OverflowError` for a day that is none in UTC.
    """
    for item in events:
        event = item.event
        if isinstance(event, OrderConfirmed):
            sign, lines = 1, event.lines
        elif isinstance(event, OrderCancelled) and event.sold:
            sign, lines = -1, event.sold
        else:
            continue
        for line in lines:
            summable(line.quantity, line.line_total.amount)
        yield Sold(item.partition, event.placed_at.astimezone(UTC).date(), sign, lines)


def _sums(events: Sequence[Recorded]) -> Iterator[tuple[Any, ...]]:
    sums: dict[tuple[int, date, str, str, str], list[int]] = {}
    for partition, day, sign, lines in sold(events):
        for line in lines:
            money = line.line_total
            key = (partition, day, line.sku, line.product_id, money.currency)
            row = sums.get(key)
            if row is None:
                row = sums[key] = [0, 0]
            row[0] += sign * line.quantity
            row[1] += sign * money.amount
    return ((*key, *row) for key, row in sums.items())


def apply(events: Sequence[Recorded]) -> list[Statement]:
    """One upsert of the batch's sums. A row that comes to nothing stays, so that a rebuild makes the same rows."""
    return over(SOLD, _sums(events))


def fold(events: Sequence[Recorded]) -> list[Copy]:
    """The chunk's sums, to be added up when all is read."""
    return [Copy("sold_parts", COLUMNS, list(_sums(events)))]


PROJECTION = Projection(
    name="sales",
    version=1,
    topic=ORDERS.name,
    store="postgres",
    tables=("sold_daily",),
    ddl=DDL,
    keys=KEYS,
    indexes=INDEXES,
    apply=apply,
    public_schema="sales",
    bulk=Bulk(fold, STAGING, FINISH),
)
"""Sold per day."""

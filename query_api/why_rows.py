"""What the read models made of events: the rows that show them."""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC
from typing import Any

from event_schemas.codec import UndecodableEvent, decode
from event_schemas.event import Event
from event_schemas.order import OrderCancelled, OrderConfirmed
from event_schemas.topics import CATALOG, ORDERS, STOCK
from query_api.postgres import Postgres
from query_api.why_tree import Json, Place, by_place, place_of

Rows = Sequence[Mapping[str, Any]]

# By the place of the event that wrote them; each row says of which record, in the columns that the others end with.
MOVEMENTS = """
SELECT m.warehouse_id, m.kind, m.on_hand_delta, m.reserved_delta, m.balance_after, m.partition, m.record_offset
FROM stock.movements m JOIN unnest($1::int[], $2::bigint[]) AS e(partition, record_offset)
    ON m.partition = e.partition AND m.record_offset = e.record_offset
"""
# By aggregate and version.
TIMELINE = """
SELECT t.sequence AS step, t.order_id AS subject, t.sequence FROM orders.timeline t WHERE t.order_id = ANY($1::text[])
"""
STATUS = """
SELECT order_number, status, reason, line_count, total, currency, order_id AS subject, version AS sequence
FROM orders.orders WHERE order_id = ANY($1::text[])
"""
PRICES = """
SELECT sku, old_price, new_price, currency, product_id AS subject, sequence FROM catalog.price_history
WHERE product_id = ANY($1::text[])
"""
PRODUCTS = """
SELECT name, price, currency, withdrawn_reason, product_id AS subject, version AS sequence FROM catalog.products
WHERE product_id = ANY($1::text[])
"""
# The row of the day, into which other orders of the same partition count too.
SOLD = """
SELECT s.day, s.sku, s.quantity, s.revenue, s.currency, e.partition, e.record_offset
FROM unnest($1::int[], $2::bigint[], $3::date[], $4::text[]) AS e(partition, record_offset, day, sku)
JOIN sales.sold_daily s ON s.partition = e.partition AND s.day = e.day AND s.sku = e.sku
"""
OF_AGGREGATES = (
    (ORDERS.name, "orders.timeline", TIMELINE),
    (ORDERS.name, "orders.orders", STATUS),
    (CATALOG.name, "catalog.price_history", PRICES),
    (CATALOG.name, "catalog.products", PRODUCTS),
)


async def rows_of(postgres: Postgres, events: Rows, unsold: Container[Place]) -> dict[Place, list[Json]]:
    """The rows that show these events, by the place of the event: movements, steps of timelines, prices; and the row of
    an aggregate at the event that brought it to the version that it has. What ``sales`` has set aside is ``unsold``:
    the row of its day is not made of it. Raises as ``Postgres.rows`` does."""
    moved = [event for event in events if event["topic"] == STOCK.name]
    numbers, offsets = [one["partition"] for one in moved], [one["record_offset"] for one in moved]
    found = [
        ((STOCK.name, row["partition"], row["record_offset"]), _row("stock.movements", row))
        for row in map(dict, await postgres.rows(MOVEMENTS, numbers, offsets))
    ]
    found += [
        ((ORDERS.name, row["partition"], row["record_offset"]), _row("sales.sold_daily", row))
        for row in map(dict, await postgres.rows(SOLD, *_sold([one for one in events if place_of(one) not in unsold])))
    ]
    for topic, table, sql in OF_AGGREGATES:
        places = {(one["subject"], one["sequence"]): place_of(one) for one in events if one["topic"] == topic}
        subjects = list({subject for subject, _ in places})
        for row in map(dict, await postgres.rows(sql, subjects) if places else ()):
            place = places.get((row["subject"], row["sequence"]))
            if place is not None:
                found.append((place, _row(table, row)))
    return by_place(found)


def _sold(events: Rows) -> tuple[list[Any], ...]:
    """Partition, offset, day and SKU of everything that these events counted as sold, or no longer as sold."""
    counted = [
        (event["partition"], event["record_offset"], told.placed_at.astimezone(UTC).date(), line.sku)
        for event in events
        if event["topic"] == ORDERS.name and isinstance(told := _decoded(event), OrderConfirmed | OrderCancelled)
        for line in (told.lines if isinstance(told, OrderConfirmed) else told.sold)
    ]
    columns = tuple(map(list, zip(*dict.fromkeys(counted), strict=True)))
    return columns or ([], [], [], [])


def _decoded(event: Mapping[str, Any]) -> Event | None:
    """What happened; None where this release does not know it, as a newer one has written it."""
    try:
        return decode(event["type"], event["value"].encode())
    except UndecodableEvent:
        return None


def _row(table: str, row: Mapping[str, Any]) -> Json:
    places = {"partition", "record_offset", "subject", "sequence"}
    return {"table": table, "row": {name: value for name, value in row.items() if name not in places}}

"""Order history as the `eventsourcing` package would follow it: a projection with a tracking recorder on PostgreSQL.

Its fastest way: the tables of the product, one transaction an event as the package has it, its statements and the
tracking sent together in a pipeline, times left as the text that they are.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import singledispatchmethod
from typing import Any

import orjson
from eventsourcing.domain import event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection
from psycopg.sql import SQL

from benchmarks.reference.order import Json, Order
from projectors.read_models.order_history_sql import DDL, INDEXES, KEYS

ORDER = """
INSERT INTO orders (order_id, flags, version, updated_at, status, order_number, user_id, placed_at, country, currency,
                    subtotal, total, line_count, quantity)
VALUES (%s, '[]', %s, %s::timestamptz, 'PENDING', %s, %s, %s::timestamptz, %s, %s, %s, %s, %s, %s)
"""
LINE = "INSERT INTO lines VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
CONFIRM = """
UPDATE orders SET status = 'CONFIRMED', settled_at = %s::timestamptz, version = %s, updated_at = %s::timestamptz
WHERE order_id = %s
"""
TOLD = "INSERT INTO timeline VALUES (%s, %s, %s, %s, %s::timestamptz, %s::timestamptz, %s, %s::jsonb)"
Statements = Sequence[tuple[str, Sequence[Any]]]


class SoldOrder(Order):
    """An order that is placed and confirmed."""

    @event("Confirmed")
    def confirm(self, placed_at: datetime, lines: list[Json]) -> None:
        """What the product's `order.confirmed` tells."""
        self.status = "CONFIRMED"


class HistoryView(PostgresTrackingRecorder):
    """The tables of the order history."""

    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        for sql in (DDL, KEYS, INDEXES):
            parts = sql.replace("{schema}", "public").split(";")
            self.sql_create_statements += [SQL(part).format() for part in parts if part.strip()]

    def write(self, statements: Statements, tracking: Tracking) -> None:
        """The rows of an event and its place, in one transaction. The tracking's answer is the first that is awaited,
        so all goes out together."""
        with self.datastore.get_connection() as connection, connection.pipeline(), connection.transaction():
            cursor = connection.cursor()
            for sql, values in statements:
                cursor.execute(sql.encode(), values, prepare=True)
            self._insert_tracking(cursor, tracking)


class History(Projection[HistoryView]):
    """One row an order, one a line, one an event."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """See `Projection`."""
        raise TypeError(f"unknown: {domain_event}")

    @process_event.register
    def placed(self, placed: SoldOrder.Placed, tracking: Tracking) -> None:  # type: ignore[name-defined]
        """An order with its lines."""
        order_id = str(placed.originator_id)
        lines: Statements = [
            (
                LINE,
                (
                    order_id,
                    number,
                    line["line_id"],
                    line["product_id"],
                    line["sku"],
                    line["name"],
                    line["quantity"],
                    line["unit_price"]["amount"],
                    line["line_total"]["amount"],
                    line["line_total"]["currency"],
                ),
            )
            for number, line in enumerate(placed.lines, 1)
        ]
        order = (
            order_id,
            placed.originator_version,
            placed.timestamp,
            placed.order_number,
            placed.user_id,
            placed.placed_at,
            placed.country,
            placed.total["currency"],
            placed.subtotal["amount"],
            placed.total["amount"],
            len(lines),
            sum(line["quantity"] for line in placed.lines),
        )
        data = {"order_number": placed.order_number, "placed_at": placed.placed_at, "lines_count": len(lines)}
        told = _told(placed, "order.placed", data, tracking)
        self.view.write([(ORDER, order), *lines, told], tracking)

    @process_event.register
    def confirmed(self, confirmed: SoldOrder.Confirmed, tracking: Tracking) -> None:  # type: ignore[name-defined]
        """The order's last state."""
        order_id, at = str(confirmed.originator_id), confirmed.timestamp
        data = {"placed_at": confirmed.placed_at, "lines_count": len(confirmed.lines)}
        told = _told(confirmed, "order.confirmed", data, tracking)
        self.view.write([(CONFIRM, (at, confirmed.originator_version, at, order_id)), told], tracking)


def _told(happened: Any, name: str, data: Json, tracking: Tracking) -> tuple[str, Sequence[Any]]:
    at = happened.timestamp
    place = str(tracking.notification_id)
    values = (str(happened.originator_id), happened.originator_version, name, "reference", at, at, place)
    return TOLD, (*values, orjson.dumps(data).decode())

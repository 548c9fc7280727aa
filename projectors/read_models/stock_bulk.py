"""How a rebuild fills the read model `stock` by COPY.

Movements wait until all is read, since the balance after each needs all before it; levels are their sums. Of a
reservation each chunk tells how it was opened last, with what became of it there, or how one of before was closed.
"""

from collections.abc import Sequence

from event_schemas.record import Recorded
from projectors.projection import Bulk, Copy
from projectors.read_models.rows import appended_at
from projectors.read_models.stock_fold import folded

STAGING = """
CREATE TABLE {schema}.moved (LIKE {schema}.movements);
CREATE TABLE {schema}.opened (LIKE {schema}.reservations);
ALTER TABLE {schema}.opened ADD COLUMN record_offset bigint NOT NULL;
CREATE TABLE {schema}.closed (
    reservation_id text NOT NULL,
    state text NOT NULL,
    reason text,
    shipment_id text,
    closed_at timestamptz,
    record_offset bigint NOT NULL
);
CREATE TABLE {schema}.rejected (LIKE {schema}.rejections);
ALTER TABLE {schema}.rejected ADD COLUMN record_offset bigint NOT NULL;
"""

FINISH = """
INSERT INTO {schema}.movements
SELECT event_id, sku, warehouse_id, kind, quantity, on_hand_delta, reserved_delta, ref_id, reason,
       sum(on_hand_delta - reserved_delta) OVER (PARTITION BY sku, warehouse_id ORDER BY record_offset), actor, at,
       appended_at, partition, record_offset
FROM {schema}.moved;
INSERT INTO {schema}.levels (sku, warehouse_id, on_hand, reserved)
SELECT sku, warehouse_id, sum(on_hand_delta), sum(reserved_delta) FROM {schema}.moved GROUP BY sku, warehouse_id;
INSERT INTO {schema}.reservations
SELECT o.reservation_id, o.sku, o.warehouse_id, o.purpose, o.ref_id, o.quantity, o.expires_at,
       COALESCE(c.state, o.state), CASE WHEN c.state IS NULL THEN o.reason ELSE c.reason END,
       CASE WHEN c.state IS NULL THEN o.shipment_id ELSE c.shipment_id END,
       CASE WHEN c.state IS NULL THEN o.closed_at ELSE c.closed_at END, o.opened_at
FROM (SELECT DISTINCT ON (reservation_id) * FROM {schema}.opened ORDER BY reservation_id, record_offset DESC) o
LEFT JOIN (SELECT DISTINCT ON (reservation_id) * FROM {schema}.closed ORDER BY reservation_id, record_offset DESC) c
       ON c.reservation_id = o.reservation_id AND c.record_offset > o.record_offset;
INSERT INTO {schema}.rejections
SELECT sku, reason, sum(count), sum(quantity), (array_agg(last_at ORDER BY record_offset DESC))[1]
FROM {schema}.rejected GROUP BY sku, reason;
DROP TABLE {schema}.moved, {schema}.opened, {schema}.closed, {schema}.rejected;
"""

_MOVED = (
    "event_id", "sku", "warehouse_id", "kind", "quantity", "on_hand_delta", "reserved_delta", "ref_id", "reason",
    "balance_after", "actor", "at", "appended_at", "partition", "record_offset",
)  # fmt: skip
_OPENED = (
    "reservation_id", "sku", "warehouse_id", "purpose", "ref_id", "quantity", "expires_at", "state", "reason",
    "shipment_id", "closed_at", "opened_at", "record_offset",
)  # fmt: skip
_CLOSED = "reservation_id", "state", "reason", "shipment_id", "closed_at", "record_offset"
_REJECTED = "sku", "reason", "count", "quantity", "last_at", "record_offset"


def fold(events: Sequence[Recorded]) -> list[Copy]:
    """The rows of a chunk. Raises `KeyError` for an event that is not of the stock ledger."""
    found = folded(events)
    last = found.last
    return [
        Copy("moved", _MOVED, [(*row[:12], appended_at(row[12]), *row[13:]) for row in found.movements]),
        Copy("opened", _OPENED, [(*row, last[row[0]]) for row in found.reservations.values()]),
        Copy("closed", _CLOSED, [(*row, last[row[0]]) for row in found.transitions.values()]),
        Copy("rejected", _REJECTED, [(*kind, *row, last[kind]) for kind, row in found.rejections.items()]),
    ]


BULK = Bulk(fold, STAGING, FINISH)
"""Stock levels and movements by COPY."""

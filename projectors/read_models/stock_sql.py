"""Tables of the read model `stock`, and the statements that fill them from arrays."""

DDL = """
CREATE TABLE {schema}.levels (
    sku text NOT NULL,
    warehouse_id text NOT NULL,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    on_loan bigint NOT NULL DEFAULT 0,
    available bigint NOT NULL GENERATED ALWAYS AS (on_hand - reserved) STORED
);
CREATE TABLE {schema}.reservations (
    reservation_id text NOT NULL,
    sku text NOT NULL,
    warehouse_id text,
    purpose text,
    ref_id text,
    quantity bigint NOT NULL,
    expires_at timestamptz,
    state text NOT NULL,
    reason text,
    shipment_id text,
    closed_at timestamptz,
    opened_at timestamptz NOT NULL
);
CREATE TABLE {schema}.movements (
    event_id text NOT NULL,
    sku text NOT NULL,
    warehouse_id text NOT NULL,
    kind text NOT NULL,
    quantity bigint NOT NULL,
    on_hand_delta bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    ref_id text,
    reason text,
    balance_after bigint NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    appended_at timestamptz NOT NULL,
    partition int NOT NULL,
    record_offset bigint NOT NULL
);
CREATE TABLE {schema}.rejections (
    sku text NOT NULL,
    reason text NOT NULL,
    count bigint NOT NULL,
    quantity bigint NOT NULL,
    last_at timestamptz NOT NULL
);
"""

KEYS = """
ALTER TABLE {schema}.levels ADD PRIMARY KEY (sku, warehouse_id);
ALTER TABLE {schema}.reservations ADD PRIMARY KEY (reservation_id);
ALTER TABLE {schema}.movements ADD PRIMARY KEY (partition, record_offset);
ALTER TABLE {schema}.rejections ADD PRIMARY KEY (sku, reason);
"""

INDEXES = """
CREATE INDEX ON {schema}.movements (sku, record_offset DESC);
CREATE INDEX ON {schema}.reservations (sku) WHERE state = 'RESERVED';
"""

MOVEMENTS = """
INSERT INTO {schema}.movements
SELECT u.event_id, u.sku, u.warehouse_id, u.kind, u.quantity, u.on_hand_delta, u.reserved_delta, u.ref_id, u.reason,
       COALESCE(l.available, 0) + u.balance, u.actor, u.at, to_timestamp(u.appended_ms / 1000.0), u.partition,
       u.record_offset
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
            $9::text[], $10::bigint[], $11::text[], $12::timestamptz[], $13::bigint[], $14::int[], $15::bigint[])
     AS u(event_id, sku, warehouse_id, kind, quantity, on_hand_delta, reserved_delta, ref_id, reason, balance, actor,
          at, appended_ms, partition, record_offset)
LEFT JOIN {schema}.levels l ON l.sku = u.sku AND l.warehouse_id = u.warehouse_id
"""

LEVELS = """
INSERT INTO {schema}.levels AS l (sku, warehouse_id, on_hand, reserved)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
ON CONFLICT (sku, warehouse_id)
DO UPDATE SET on_hand = l.on_hand + excluded.on_hand, reserved = l.reserved + excluded.reserved
"""

# The conflict is a tombstone (or an end) whose id is promised again after the ledger has forgotten it.
RESERVATIONS = """
INSERT INTO {schema}.reservations AS r
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[],
                     $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[])
ON CONFLICT (reservation_id) DO UPDATE SET
    warehouse_id = excluded.warehouse_id, purpose = excluded.purpose, ref_id = excluded.ref_id,
    quantity = excluded.quantity, expires_at = excluded.expires_at, state = excluded.state, reason = excluded.reason,
    shipment_id = excluded.shipment_id, closed_at = excluded.closed_at, opened_at = excluded.opened_at
"""

TRANSITIONS = """
UPDATE {schema}.reservations r
SET state = u.state, reason = u.reason, shipment_id = u.shipment_id, closed_at = u.closed_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS u(reservation_id, state, reason, shipment_id, closed_at)
WHERE r.reservation_id = u.reservation_id
"""

REJECTIONS = """
INSERT INTO {schema}.rejections AS r
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[])
ON CONFLICT (sku, reason)
DO UPDATE SET count = r.count + excluded.count, quantity = r.quantity + excluded.quantity, last_at = excluded.last_at
"""

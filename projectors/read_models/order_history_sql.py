"""Tables of the read model `order_history`, and the statements that fill them from arrays."""

CHANGED_DDL = """
    order_id text NOT NULL,
    status text,
    reason text,
    cancelled_by text,
    payment_id text,
    settled_at timestamptz,
    cancelled_at timestamptz,
    flags jsonb NOT NULL,
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL,
""".strip("\n")
"""The columns of ``CHANGED``, as tables declare them."""

DDL = f"""
CREATE TABLE {{schema}}.orders (
{CHANGED_DDL}
    order_number text NOT NULL,
    user_id text,
    placed_at timestamptz NOT NULL,
    country text,
    payment_method text,
    currency text NOT NULL,
    subtotal bigint NOT NULL,
    total bigint NOT NULL,
    line_count int NOT NULL,
    quantity bigint NOT NULL
);
CREATE TABLE {{schema}}.lines (
    order_id text NOT NULL,
    line_number int NOT NULL,
    line_id text NOT NULL,
    product_id text NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    quantity bigint NOT NULL,
    unit_price bigint NOT NULL,
    line_total bigint NOT NULL,
    currency text NOT NULL
);
CREATE TABLE {{schema}}.timeline (
    order_id text NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    appended_at timestamptz NOT NULL,
    event_id text NOT NULL,
    data jsonb NOT NULL
);
"""

KEYS = """
ALTER TABLE {schema}.orders ADD PRIMARY KEY (order_id);
ALTER TABLE {schema}.lines ADD PRIMARY KEY (order_id, line_number);
ALTER TABLE {schema}.timeline ADD PRIMARY KEY (order_id, sequence);
"""

INDEXES = """
CREATE INDEX ON {schema}.orders (placed_at DESC, order_id DESC);
CREATE INDEX ON {schema}.orders (status, placed_at DESC, order_id DESC);
CREATE INDEX ON {schema}.orders (user_id, placed_at DESC, order_id DESC) WHERE user_id IS NOT NULL;
"""

CHANGED = (
    "order_id", "status", "reason", "cancelled_by", "payment_id", "settled_at", "cancelled_at", "flags", "version",
    "updated_at",
)  # fmt: skip
"""The columns of `orders` that change after the order was placed, in the order in which both statements take them."""

NEW = """
INSERT INTO {schema}.orders
SELECT order_id, status, reason, cancelled_by, payment_id, settled_at, cancelled_at, flags::jsonb, version, updated_at,
       order_number, user_id, placed_at, country, payment_method, currency, subtotal, total, line_count, quantity
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::text[], $9::bigint[], $10::timestamptz[], $11::text[], $12::text[], $13::timestamptz[], $14::text[],
            $15::text[], $16::text[], $17::bigint[], $18::bigint[], $19::int[], $20::bigint[])
     AS u(order_id, status, reason, cancelled_by, payment_id, settled_at, cancelled_at, flags, version, updated_at,
          order_number, user_id, placed_at, country, payment_method, currency, subtotal, total, line_count, quantity)
"""

CHANGES = """
UPDATE {schema}.orders o
SET status = COALESCE(u.status, o.status), reason = COALESCE(u.reason, o.reason),
    cancelled_by = COALESCE(u.cancelled_by, o.cancelled_by), payment_id = COALESCE(u.payment_id, o.payment_id),
    settled_at = COALESCE(u.settled_at, o.settled_at), cancelled_at = COALESCE(u.cancelled_at, o.cancelled_at),
    flags = o.flags || u.flags::jsonb, version = u.version, updated_at = u.updated_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::text[], $9::bigint[], $10::timestamptz[])
     AS u(order_id, status, reason, cancelled_by, payment_id, settled_at, cancelled_at, flags, version, updated_at)
WHERE o.order_id = u.order_id
"""

LINES = """
INSERT INTO {schema}.lines
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
                     $9::bigint[], $10::text[])
"""

TIMELINE = """
INSERT INTO {schema}.timeline
SELECT order_id, sequence, type, actor, at, appended_at, event_id, data::jsonb
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[],
            $8::text[])
     AS u(order_id, sequence, type, actor, at, appended_at, event_id, data)
"""

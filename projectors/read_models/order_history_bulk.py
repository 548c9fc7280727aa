"""How a rebuild fills the read model `order_history` by COPY.

An order that is placed in a chunk is written in the state that it comes to there. What changes it in a later chunk
waits in `late_orders` until all is read, and is then put upon it in one statement.
"""

from collections.abc import Sequence

from event_schemas.record import Recorded
from projectors.projection import Bulk, Copy
from projectors.read_models.order_history_fold import NEW_COLUMNS, folded
from projectors.read_models.order_history_sql import CHANGED, CHANGED_DDL

STAGING = f"""
CREATE TABLE {{schema}}.late_orders (
{CHANGED_DDL}
    at_offset bigint NOT NULL
);
ALTER TABLE {{schema}}.orders ADD COLUMN at_offset bigint;
"""

# Of no sound log is a change that comes before its order: the version that is null then is refused, and so all of it.
FINISH = """
UPDATE {schema}.orders o
SET status = COALESCE(u.status, o.status), reason = COALESCE(u.reason, o.reason),
    cancelled_by = COALESCE(u.cancelled_by, o.cancelled_by), payment_id = COALESCE(u.payment_id, o.payment_id),
    settled_at = COALESCE(u.settled_at, o.settled_at), cancelled_at = COALESCE(u.cancelled_at, o.cancelled_at),
    flags = o.flags || u.flags, version = CASE WHEN u.first_offset > o.at_offset THEN u.version END,
    updated_at = u.updated_at
FROM (
    SELECT order_id,
           (array_agg(status ORDER BY at_offset DESC) FILTER (WHERE status IS NOT NULL))[1] AS status,
           (array_agg(reason ORDER BY at_offset DESC) FILTER (WHERE reason IS NOT NULL))[1] AS reason,
           (array_agg(cancelled_by ORDER BY at_offset DESC) FILTER (WHERE cancelled_by IS NOT NULL))[1] AS cancelled_by,
           (array_agg(payment_id ORDER BY at_offset DESC) FILTER (WHERE payment_id IS NOT NULL))[1] AS payment_id,
           (array_agg(settled_at ORDER BY at_offset DESC) FILTER (WHERE settled_at IS NOT NULL))[1] AS settled_at,
           (array_agg(cancelled_at ORDER BY at_offset DESC) FILTER (WHERE cancelled_at IS NOT NULL))[1] AS cancelled_at,
           jsonb_path_query_array(jsonb_agg(flags ORDER BY at_offset), '$[*][*]') AS flags,
           (array_agg(version ORDER BY at_offset DESC))[1] AS version, min(at_offset) AS first_offset,
           (array_agg(updated_at ORDER BY at_offset DESC))[1] AS updated_at
    FROM {schema}.late_orders GROUP BY order_id
) u
WHERE o.order_id = u.order_id;
DROP TABLE {schema}.late_orders;
ALTER TABLE {schema}.orders DROP COLUMN at_offset;
"""

_LINES = (
    "order_id", "line_number", "line_id", "product_id", "sku", "name", "quantity", "unit_price", "line_total",
    "currency",
)  # fmt: skip
_TIMELINE = "order_id", "sequence", "type", "actor", "at", "appended_at", "event_id", "data"


def fold(events: Sequence[Recorded]) -> list[Copy]:
    """The rows of a chunk. Raises as `folded`."""
    found = folded(events)
    at = found.offsets
    return [
        Copy("orders", (*NEW_COLUMNS, "at_offset"), [(*row, at[row[0]]) for row in found.new_rows()]),
        Copy("late_orders", (*CHANGED, "at_offset"), [(*row, at[row[0]]) for row in found.changed_rows()]),
        Copy("lines", _LINES, found.lines),
        Copy("timeline", _TIMELINE, found.timeline),
    ]


BULK = Bulk(fold, STAGING, FINISH)
"""Order history by COPY."""

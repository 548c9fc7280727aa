"""Why a SKU has the stock that it has: its levels, held against the movements that they must add up to."""

from typing import Any

from query_api.postgres import Postgres

# In one statement: levels and movements of one moment.
LEVELS = """
SELECT warehouse_id, COALESCE(l.on_hand, 0) AS on_hand, COALESCE(l.reserved, 0) AS reserved,
       COALESCE(m.on_hand, 0) AS moved_on_hand, COALESCE(m.reserved, 0) AS moved_reserved
FROM (SELECT warehouse_id, on_hand, reserved FROM stock.levels WHERE sku = $1) l
FULL JOIN (
    SELECT warehouse_id, sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved
    FROM stock.movements WHERE sku = $1 GROUP BY warehouse_id
) m USING (warehouse_id)
ORDER BY warehouse_id
"""


async def levels_of(postgres: Postgres, sku: str) -> tuple[dict[str, int] | None, list[dict[str, Any]]]:
    """The sums over warehouses, None for what has no stock; and the levels that are not what their movements add up
    to, which is never right. Raises as ``Postgres.rows`` does."""
    rows = [dict(row) for row in await postgres.rows(LEVELS, sku)]
    if not rows:
        return None, []
    on_hand, reserved = (sum(row[name] for row in rows) for name in ("on_hand", "reserved"))
    differ = [row for row in rows if (row["on_hand"], row["reserved"]) != (row["moved_on_hand"], row["moved_reserved"])]
    return {"on_hand": on_hand, "reserved": reserved, "available": on_hand - reserved}, differ

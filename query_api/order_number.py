"""The order that people know by a number, as `SO-CF05A12644` or an invoice's `536365`."""

import orjson
from asyncpg import Record

from query_api.postgres import Postgres
from query_api.refusals import OrderNumberShared, ProjectionMissing

NUMBERED = "SELECT order_id FROM orders.orders WHERE order_number IN ($1, upper($1)) ORDER BY placed_at DESC LIMIT 10"
# What the order history has set aside is not in it; these are few.
SET_ASIDE = """
SELECT DISTINCT key AS order_id FROM stockroom.parked
WHERE topic = 'orders' AND position(convert_to($1, 'UTF8') IN value) > 0
"""
DROPPED = """
SELECT a.subject AS order_id FROM operations.voided_records v JOIN audit.orders a USING (partition, record_offset)
WHERE v.topic = 'orders' AND a.type LIKE 'order.placed.%' AND position($1 IN a.value) > 0
"""


async def order_numbered(postgres: Postgres, number: str) -> str | None:
    """The id of the order with this number, in any case; None for none. Numbers have no index: it reads all orders.

    Raises `OrderNumberShared` when imports have brought several with it, and as `Postgres.rows` does.
    """
    found = [row["order_id"] for row in await postgres.rows(NUMBERED, number)]
    if not found:
        written = {f'"order_number":{orjson.dumps(one).decode()}' for one in (number, number.upper())}
        found = [row["order_id"] for one in written for row in await _set_aside(postgres, one)]
    ids = list(dict.fromkeys(found))
    if len(ids) > 1:
        raise OrderNumberShared(f"Several orders have the number {number!r}; name one by its id.", order_ids=ids)
    return ids[0] if ids else None


async def _set_aside(postgres: Postgres, written: str) -> list[Record]:
    parked = await postgres.rows(SET_ASIDE, written)
    try:
        return parked + await postgres.rows(DROPPED, written)
    except ProjectionMissing:
        return parked  # nobody has followed what operators decide yet

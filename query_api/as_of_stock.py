"""Stock as it was: the movements until a moment, summed. No history is too long for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from event_schemas.topics import STOCK
from query_api.as_of import MOST_EVENTS, Moment, must_reach
from query_api.feeds import FEEDS
from query_api.refusals import ProjectionLagging, VersionNotReached
from query_api.set_aside import MOVEMENTS, set_aside
from query_api.sources import Sources

_SUMS = """sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved, 0::bigint AS on_loan,
       sum(on_hand_delta - reserved_delta)::bigint AS available"""
# All events of a SKU lie in one partition, so an offset says which came before.
LEVELS = f"""
SELECT warehouse_id, {_SUMS} FROM stock.movements
WHERE sku = $1 AND ($2::bigint IS NULL OR record_offset <= $2) AND ($3::timestamptz IS NULL OR at <= $3)
GROUP BY warehouse_id ORDER BY warehouse_id
"""
OF_SKUS = f"SELECT sku, {_SUMS} FROM stock.movements WHERE sku = ANY($1::text[]) AND at <= $2 GROUP BY sku"
REFUSED = f"""
SELECT count(*) FROM audit.{STOCK.name}
WHERE subject = $1 AND type LIKE 'stock.reservation\\_rejected.%'
  AND ($2::bigint IS NULL OR record_offset <= $2) AND ($3::timestamptz IS NULL OR at <= $3)
  AND record_offset <> ALL($4::bigint[])
"""
NEWEST = f"""
SELECT sequence, partition, record_offset FROM audit.{STOCK.name}
WHERE subject = $1 AND sequence <= $2 ORDER BY partition DESC, record_offset DESC LIMIT 1
"""


async def levels_as_of(sources: Sources, sku: str, moment: Moment) -> tuple[list[dict[str, Any]], int]:
    """The level of each warehouse after what had happened until a moment, and how many demands had been refused;
    without what the read model has set aside, as live.

    Raises as `must_reach` does; for a version whose movement the read model does not have yet `ProjectionLagging`, or
    `VersionParked` or `VersionDropped` when it has set that aside.
    """
    offset = None if moment.version is None else await _offset_of(sources, sku, moment.version)
    levels = await sources.postgres.rows(LEVELS, sku, offset, moment.at)
    unknown = [place for place, _ in await set_aside(sources.postgres, MOVEMENTS, sku, 0, MOST_EVENTS)]
    refused = await sources.postgres.row(REFUSED, sku, offset, moment.at, unknown)
    return [dict(row) for row in levels], refused["count"] if refused else 0


async def _offset_of(sources: Sources, sku: str, version: int) -> int:
    """Offset of the event that brought a SKU to a version. The audit knows it, the movements are another read model's,
    which may be behind: then the sums would be those of an older version.
    """
    newest = await sources.postgres.row(NEWEST, sku, version)
    known = (newest["sequence"], newest["record_offset"]) if newest else None
    await must_reach(sources, STOCK.name, sku, version, known)
    if newest is None:
        raise VersionNotReached(f"Version {version} is not there yet.", newest=0)
    offset = int(newest["record_offset"])
    standing = (await sources.positions.of(FEEDS["stock"])).partitions.get(newest["partition"])
    next_offset = standing.next_offset if standing else 0
    if next_offset <= offset:
        raise ProjectionLagging(
            f"stock has not applied version {version} yet.", projection="stock", next_offset=next_offset
        )
    for place, why in await set_aside(sources.postgres, MOVEMENTS, sku, offset, 1):
        if place == offset:
            raise why
    return offset


async def sums_at(sources: Sources, skus: Sequence[str], at: datetime) -> dict[str, dict[str, int]]:
    """The levels of SKUs, summed over warehouses, at a business time; a SKU without stock is left out."""
    rows = await sources.postgres.rows(OF_SKUS, skus, at)
    return {row["sku"]: {name: value for name, value in row.items() if name != "sku"} for row in rows}

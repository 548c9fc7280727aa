"""Which events of an aggregate a read model has set aside: parked until somebody retries them, or dropped for good."""

from typing import NamedTuple

from asyncpg import Record

from event_schemas.topics import STOCK
from infra.http.problems import NotFound
from query_api.feeds import audit_of
from query_api.postgres import Postgres
from query_api.refusals import ProjectionMissing, VersionDropped, VersionParked

PARKED = """
SELECT k.partition, k.record_offset, k.error_code, k.error FROM stockroom.parked k
JOIN stockroom.projections p ON p.name = k.projection AND p.active_generation = k.generation
WHERE k.projection = $1 AND k.topic = $2 AND k.key = $3 AND k.record_offset >= $4
ORDER BY k.record_offset LIMIT $5
"""
# A retry may have applied a record before its drop was known.
DROPPED = """
SELECT v.partition, v.record_offset, v.actor, v.reason, v.at FROM operations.voided_records v
WHERE v.projection = $1 AND v.topic = $2 AND v.key = $3 AND v.record_offset >= $4 AND NOT EXISTS (
    SELECT FROM {rows} r WHERE r.partition = v.partition AND r.record_offset = v.record_offset
)
ORDER BY v.record_offset LIMIT $5
"""


class ReadModel(NamedTuple):
    """A read model that keeps a row an event, with the place of its record."""

    name: str
    topic: str
    rows: str


MOVEMENTS = ReadModel("stock", STOCK.name, "stock.movements")


def audit(topic: str) -> ReadModel:
    """The audit of a topic."""
    return ReadModel(audit_of(topic), topic, f"audit.{topic}")


async def set_aside(
    postgres: Postgres, of: ReadModel, subject: str, first: int, most: int
) -> list[tuple[int, NotFound]]:
    """Offsets of an aggregate's events from ``first`` on that are not in a read model, and why not; in log order,
    ``most`` of them. Raises as ``Postgres.rows`` does."""
    found: dict[int, NotFound] = {}
    where = of.name, of.topic, subject, first, most
    for row in await postgres.rows(PARKED, *where):
        place = f"{of.topic}/{row['partition']}@{row['record_offset']}"
        told = f"{of.name} could not take in {place} ({row['error_code']}: {row['error']}): ./stockroom dlq list"
        found[row["record_offset"]] = VersionParked(told, projection=of.name, place=place, error_code=row["error_code"])
    for row in await _dropped(postgres, of, *where):
        place = f"{of.topic}/{row['partition']}@{row['record_offset']}"
        told = f"{place} was dropped from {of.name} by {row['actor']}: {row['reason']}"
        who = {"dropped_by": row["actor"], "dropped_at": row["at"].isoformat(), "reason": row["reason"]}
        found[row["record_offset"]] = VersionDropped(told, projection=of.name, place=place, **who)
    return sorted(found.items(), key=lambda one: one[0])[:most]


async def _dropped(postgres: Postgres, of: ReadModel, *where: object) -> list[Record]:
    try:
        return await postgres.rows(DROPPED.format(rows=of.rows), *where)
    except ProjectionMissing:
        return []  # nobody has followed yet what operators decide

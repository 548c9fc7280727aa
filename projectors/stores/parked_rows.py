"""Parked records as rows of ``stockroom.parked``: written in the caller's transaction, read for their copy."""

from collections.abc import Collection, Sequence

import asyncpg

from event_schemas.record import LogRecord
from projectors.stores.control_tables import Connection
from projectors.stores.parked_headers import headers_from_json, headers_to_json, storable
from projectors.stores.store import Parked, Place

_INSERT = """
INSERT INTO stockroom.parked (projection, generation, topic, partition, record_offset, key, error_code, error, headers,
                              record_key, value, appended_ms)
SELECT $1, $2, $3, p.* FROM unnest($4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
                                   $10::bytea[], $11::bytea[], $12::bigint[]) AS p
ON CONFLICT DO NOTHING
"""
ROW = "topic, partition, record_offset, appended_ms, record_key, value, headers, error_code, error, attempts"
_SERVING = """
FROM stockroom.parked
WHERE projection = $1 AND generation = (SELECT active_generation FROM stockroom.projections WHERE name = $1)
"""
_PAGE = f"""
SELECT {ROW} {_SERVING} AND topic = $2 AND (partition, record_offset) > ($3, $4) AND ($5::text IS NULL OR key = $5)
ORDER BY partition, record_offset LIMIT $6
"""
_AMONG = f"""
SELECT {ROW} {_SERVING} AND topic = $2
  AND (partition, record_offset) IN (SELECT * FROM unnest($3::int[], $4::bigint[]))
"""
_COUNT = f"SELECT count(*) {_SERVING} AND ($2::text IS NULL OR key = $2)"
_UNCOPIED = f"""
SELECT {ROW} {_SERVING} AND topic = $2 AND (partition, record_offset) > ($3, $4) AND partition = ANY ($5)
  AND NOT copied ORDER BY partition, record_offset LIMIT $6
"""
_MARK = """
UPDATE stockroom.parked SET copied = true
WHERE projection = $1 AND generation = ANY ($2) AND topic = $3 AND partition = $4 AND record_offset = $5
"""
_GENERATIONS = "SELECT DISTINCT generation FROM stockroom.projection_offsets WHERE projection = $1"


async def insert(
    connection: Connection, projection: str, generation: int, topic: str, parked: Sequence[Parked]
) -> None:
    """Park records, inside the transaction that passes their offsets."""
    if not parked:
        return
    await connection.execute(
        _INSERT,
        projection,
        generation,
        topic,
        [one.record.partition for one in parked],
        [one.record.offset for one in parked],
        [one.key for one in parked],
        [one.code for one in parked],
        [storable(one.error) for one in parked],
        [headers_to_json(one.record.headers) for one in parked],
        [one.record.key for one in parked],
        [one.record.value for one in parked],
        [one.record.appended_ms for one in parked],
    )


async def keys(connection: Connection, projection: str, generation: int) -> frozenset[str]:
    """Keys behind which further records queue."""
    rows = await connection.fetch(
        "SELECT DISTINCT key FROM stockroom.parked WHERE projection = $1 AND generation = $2", projection, generation
    )
    return frozenset(row["key"] for row in rows)


async def page(
    connection: Connection, projection: str, topic: str, key: str | None, after: Place, limit: int
) -> list[Parked]:
    """Parked records of the active generation behind a place, of one key or of all, in log order by partition."""
    return [parked_of(row) for row in await connection.fetch(_PAGE, projection, topic, *after, key, limit)]


async def among(connection: Connection, projection: str, topic: str, places: Sequence[Place]) -> list[Parked]:
    """Those of the active generation at some of these places."""
    numbers, offsets = [place[0] for place in places], [place[1] for place in places]
    return [parked_of(row) for row in await connection.fetch(_AMONG, projection, topic, numbers, offsets)]


async def count(connection: Connection, projection: str, key: str | None) -> int:
    """How many records of the active generation are parked, of one key or of all."""
    return int(await connection.fetchval(_COUNT, projection, key))


async def uncopied(
    connection: Connection, projection: str, topic: str, after: Place, partitions: Collection[int], limit: int
) -> list[Parked]:
    """Parked records of the active generation behind a place, in these partitions, that are not in the dead letter
    topic yet, in log order.
    """
    rows = await connection.fetch(_UNCOPIED, projection, topic, *after, list(partitions), limit)
    return [parked_of(row) for row in rows]


async def mark_copied(connection: Connection, projection: str, parked: Sequence[Parked]) -> None:
    """Remember that these records are in the dead letter topic, in whatever generation they are parked."""
    generations = [row["generation"] for row in await connection.fetch(_GENERATIONS, projection)]
    # One by one along the key: before statistics know of many new rows, a join would read all of them each time.
    await connection.executemany(_MARK, [(projection, generations, one.record.topic, *one.at) for one in parked])


def parked_of(row: asyncpg.Record) -> Parked:
    """The parked record of a row with the columns ``ROW``."""
    record = LogRecord(
        row["topic"],
        row["partition"],
        row["record_offset"],
        row["appended_ms"],
        row["record_key"],
        row["value"],
        headers_from_json(row["headers"]),
    )
    return Parked(record, row["error_code"], row["error"], row["attempts"])

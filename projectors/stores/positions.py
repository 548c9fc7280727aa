"""Positions of a generation in PostgreSQL, in the transaction that writes its rows: loaded, and moved on by compare and
set.
"""

from collections.abc import Sequence

from event_schemas.holder import Holder
from infra.log_batch import Batch, Position
from projectors.projection import Projection
from projectors.stores.control_tables import Connection
from projectors.stores.store import ParkedKeys, PositionMoved, Standing, last_appended_ms

_ADVANCE = """
WITH held AS (
    SELECT partition FROM stockroom.projection_offsets
    WHERE projection = $1 AND generation = $2 AND topic = $3 AND partition = ANY ($4) ORDER BY partition FOR UPDATE
)
UPDATE stockroom.projection_offsets o
SET next_offset = b.after, epoch = b.epoch, writer = b.writer, void = o.void + b.void, updated_at = now(),
    appended_ms = COALESCE(NULLIF(b.appended_ms, 0), o.appended_ms)
FROM unnest($4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[])
    AS b (partition, before, after, epoch, writer, appended_ms, void, unparked)
JOIN held USING (partition)
WHERE o.projection = $1 AND o.generation = $2 AND o.topic = $3 AND o.partition = b.partition
  AND o.next_offset = b.before AND o.unparked = b.unparked
"""
_POSITIONS = """
SELECT partition, next_offset, epoch, writer, appended_ms, void, unparked FROM stockroom.projection_offsets
WHERE projection = $1 AND generation = $2 AND topic = $3 ORDER BY partition
"""

_HOLD = """
SELECT FROM stockroom.projection_offsets
WHERE projection = $1 AND generation = $2 AND topic = $3 AND partition = $4 FOR UPDATE
"""
_HOLD_ALL = """
SELECT FROM stockroom.projection_offsets
WHERE projection = $1 AND generation = $2 AND topic = $3 ORDER BY partition FOR UPDATE
"""
_COUNT = """
UPDATE stockroom.projection_offsets SET unparked = unparked + 1
WHERE projection = $1 AND generation = $2 AND topic = $3 AND partition = $4
"""


async def load_positions(
    connection: Connection, projection: Projection, generation: int
) -> tuple[dict[int, Standing], dict[int, int]]:
    """Where each partition stands, and how many times parked records were taken out of it."""
    rows = await connection.fetch(_POSITIONS, projection.name, generation, projection.topic)
    standings = {
        row["partition"]: Standing(
            Position(row["next_offset"], Holder(row["epoch"], row["writer"])), row["appended_ms"], row["void"]
        )
        for row in rows
    }
    return standings, {row["partition"]: row["unparked"] for row in rows}


async def hold_parked(connection: Connection, projection: Projection, generation: int, partition: int) -> None:
    """Until the caller's transaction ends nobody else parks anything in this partition, or takes it out."""
    await connection.execute(_HOLD, projection.name, generation, projection.topic, partition)


async def hold_all(connection: Connection, projection: Projection, generation: int) -> None:
    """Wait for the commits to a generation that are under way; until the caller's transaction ends none goes on."""
    await connection.execute(_HOLD_ALL, projection.name, generation, projection.topic)


async def count_unparked(connection: Connection, projection: Projection, generation: int, partition: int) -> None:
    """Count that parked records were taken out, so that whoever does not know of it yet cannot commit."""
    await connection.execute(_COUNT, projection.name, generation, projection.topic, partition)


async def advance(
    connection: Connection, projection: Projection, generation: int, batches: Sequence[Batch], parked: ParkedKeys
) -> None:
    """Move the positions over batches. Raises ``PositionMoved`` unless each is where its batch begins and no parked
    record was taken out that ``parked`` does not know of; the caller's transaction must then end without a change.
    """
    done = await connection.execute(
        _ADVANCE,
        projection.name,
        generation,
        projection.topic,
        [batch.partition for batch in batches],
        [batch.before.next_offset for batch in batches],
        [batch.after.next_offset for batch in batches],
        [batch.after.holder.epoch for batch in batches],
        [batch.after.holder.writer for batch in batches],
        [last_appended_ms(batch) for batch in batches],
        [batch.void for batch in batches],
        [parked.unparked[batch.partition] for batch in batches],
    )
    if done != f"UPDATE {len(batches)}":
        raise PositionMoved(
            f"{projection.name}: another worker is ahead, the positions were set back, or parked records were taken out"
        )

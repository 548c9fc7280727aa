"""The parked records of one partition, read and settled in the caller's transaction by a retry."""

from collections.abc import Sequence
from typing import NamedTuple

from projectors.stores.control_tables import Connection
from projectors.stores.parked_headers import storable
from projectors.stores.parked_rows import ROW, parked_of
from projectors.stores.store import Parked

_OF_PARTITION = f"""
SELECT {ROW} FROM stockroom.parked
WHERE projection = $1 AND generation = $2 AND topic = $3 AND partition = $4 AND record_offset > $5
  AND ($6::text IS NULL OR key = $6) ORDER BY record_offset LIMIT $7
"""
_REMOVE = """
DELETE FROM stockroom.parked
WHERE projection = $1 AND generation = $2 AND topic = $3 AND partition = $4 AND record_offset = ANY ($5)
"""
_FAILED = """
UPDATE stockroom.parked k SET error_code = f.code, error = f.error, attempts = k.attempts + 1
FROM unnest($5::bigint[], $6::text[], $7::text[]) AS f (record_offset, code, error)
WHERE k.projection = $1 AND k.generation = $2 AND k.topic = $3 AND k.partition = $4
  AND k.record_offset = f.record_offset
"""


class ParkedPartition(NamedTuple):
    """The parked records of one partition of a generation."""

    projection: str
    generation: int
    topic: str
    partition: int

    async def read(self, connection: Connection, after: int, key: str | None, limit: int) -> list[Parked]:
        """Those behind the offset ``after``, of one key or of all, in log order."""
        return [parked_of(row) for row in await connection.fetch(_OF_PARTITION, *self, after, key, limit)]

    async def settle(self, connection: Connection, done: Sequence[int], failed: Sequence[Parked]) -> None:
        """Remove the records at the offsets ``done``, and note of others why they failed again."""
        await connection.execute(_REMOVE, *self, list(done))
        offsets = [one.record.offset for one in failed]
        await connection.execute(
            _FAILED, *self, offsets, [one.code for one in failed], [storable(one.error) for one in failed]
        )

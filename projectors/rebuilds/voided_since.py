"""What operators give up while a rebuild is under way: whether what it has filled and indexed can stay."""

from projectors.projection import Projection
from projectors.rebuilds.row import Begun
from projectors.stores.control_tables import Connection
from projectors.stores.voids import voids_of

# What is parked is dropped by a retry, and what is still to be read is left out.
_TAKE_OVER = """
UPDATE stockroom.projections SET rebuilding_voids = $4
WHERE name = $1 AND rebuilding_generation = $2 AND rebuilding_indexed AND NOT EXISTS (
    SELECT FROM unnest($5::int[], $6::bigint[]) AS void (partition, record_offset)
    JOIN stockroom.projection_offsets o ON o.partition = void.partition
    WHERE o.projection = $1 AND o.generation = $2 AND o.topic = $3 AND void.record_offset < o.next_offset
      AND NOT EXISTS (
        SELECT FROM stockroom.parked p
        WHERE p.projection = $1 AND p.generation = $2 AND p.topic = $3
          AND p.partition = void.partition AND p.record_offset = void.record_offset))
"""


async def take_over(connection: Connection, projection: Projection, begun: Begun) -> None:
    """Let a rebuild go on with the generation that it has ``begun``, if that has its indexes and none of what was given
    up since is applied in it. To be called outside of a transaction.

    One without indexes may have a worker that writes still; Redis makes none. Both are filled again.
    """
    voids = await voids_of(connection, projection)
    since = sorted(voids.keys() - begun.voids)
    partitions, offsets = [place[0] for place in since], [place[1] for place in since]
    name, topic = projection.name, projection.topic
    await connection.execute(_TAKE_OVER, name, begun.filling, topic, len(voids), partitions, offsets)

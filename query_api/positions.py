"""Where each read model stands: the active generation and the next offset of each partition, from its own store."""

from typing import NamedTuple

import orjson

from query_api.feeds import Feed
from query_api.postgres import Postgres
from query_api.refusals import ProjectionMissing
from query_api.sorted_sets import SortedSets


class Position(NamedTuple):
    """The next offset that a read model will apply of a partition, and how many records it left out as void: those of
    a writer that had lost the partition."""

    next_offset: int
    void: int


class Standing(NamedTuple):
    """A read model's active generation, and its position by partition."""

    generation: int
    partitions: dict[int, Position]


STANDING = """
SELECT p.active_generation, o.partition, o.next_offset, o.void
FROM stockroom.projections p
LEFT JOIN stockroom.projection_offsets o
    ON o.projection = p.name AND o.generation = p.active_generation AND o.topic = $2
WHERE p.name = $1
"""


class Positions:
    """Reads positions from PostgreSQL or Redis, wherever the read model itself lies."""

    def __init__(self, postgres: Postgres, redis: SortedSets) -> None:
        self._postgres = postgres
        self._redis = redis

    async def of(self, feed: Feed) -> Standing:
        """Where a read model stands now.

        Raises `ProjectionMissing` when it was never made, `DependencyUnavailable` when its store is away.
        """
        if feed.store == "redis":
            return await self._in_redis(feed)
        rows = await self._postgres.rows(STANDING, feed.name, feed.topic)
        if not rows:
            raise ProjectionMissing(f"The projection {feed.name} has never run.")
        return Standing(
            rows[0]["active_generation"],
            {
                row["partition"]: Position(row["next_offset"], row["void"])
                for row in rows
                if row["partition"] is not None
            },
        )

    async def _in_redis(self, feed: Feed) -> Standing:
        prefix = await self._redis.prefix(feed.name)
        found = await self._redis.positions(prefix)
        partitions = {}
        for partition, value in found.items():
            if not partition.isdecimal():
                continue
            stored = orjson.loads(value)
            partitions[int(partition)] = Position(stored["next_offset"], stored.get("void") or 0)
        return Standing(int(prefix.split(":")[1]), partitions)

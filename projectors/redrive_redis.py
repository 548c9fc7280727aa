"""The retry of parked records in Redis: commands, parked records and their count in one script.

The audit row follows in PostgreSQL; a kill between the two leaves the retry done and unaudited.
"""

from typing import Any

import asyncpg
import orjson
from redis.asyncio import Redis

from projectors import redis_keys as names
from projectors.audit import audit
from projectors.parked_rows import ParkedPartition
from projectors.projection import Projection
from projectors.redis_store import RedisStore
from projectors.redrive import PORTION, Portion, portion_of, sorted_again
from projectors.sorting import Decode


class RedisRedrive:
    """The parked records of a projection in Redis. ``actor`` stands in the audit trail."""

    def __init__(self, redis: Redis, pool: asyncpg.Pool, projection: Projection, decode: Decode, actor: str) -> None:
        self._redis = redis
        self._pool = pool
        self._store = RedisStore(redis, pool, projection, decode)
        self._projection = projection
        self._decode = decode
        self._actor = actor

    async def load(self) -> list[int]:
        """Find the serving generation; gives the partitions. Raises ``RebuildNeeded`` or ``StoreDamaged``."""
        return sorted((await self._store.load([])).standings)

    async def retry(self, partition: int, after: int, key: str | None, held: frozenset[str]) -> Portion | None:
        """Try the next portion; see ``Redrive``."""
        generation = self._store.generation
        prefix = names.prefix(self._projection.name, generation)
        # Before the records: if some are taken out in between, their count refuses ours.
        position = orjson.loads(await self._redis.hget(f"{prefix}pos", str(partition)) or b"{}")
        rows = names.in_log_order(await self._redis.hvals(f"{prefix}parked"))
        parked = [
            one
            for one in rows
            if one.record.partition == partition and one.record.offset > after and key in (None, one.key)
        ][:PORTION]
        if not parked:
            return None
        sorting = sorted_again(parked, held, self._decode)

        def around() -> dict[str, Any]:
            portion = portion_of(parked, sorting)
            return {
                "retry": {
                    "partition": str(partition),
                    "unparked": position.get("unparked", 0),
                    "held": len(rows),
                    "done": [names.parked_field(one) for one in portion.done],
                    "failed": [names.parked_pair(one) for one in portion.failed],
                }
            }

        await self._store.apply_with(sorting, around)
        portion = portion_of(parked, sorting)
        if portion.done or portion.failed:
            queue = ParkedPartition(self._projection.name, generation, self._projection.topic, partition)
            async with self._pool.acquire() as connection:
                await audit(connection, self._actor, "retry", queue, portion.outcome())
        return portion

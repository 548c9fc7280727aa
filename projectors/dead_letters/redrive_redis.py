"""The retry of parked records in Redis: commands, parked records and their count in one script.

The audit rows stand in PostgreSQL: they say what is tried and dropped before the script runs, and what came of it
afterwards. After a kill between the two they stay as they were: all that may have been done, or nothing.
"""

from bisect import bisect_right
from typing import Any

import asyncpg
import orjson
from redis.asyncio import Redis

from projectors.dead_letters.redrive import PORTION, Portion, portion_of, sorted_again
from projectors.projection import Projection
from projectors.stores import redis_keys as names
from projectors.stores.audit import audit, audit_drops, audit_outcome, unaudit
from projectors.stores.parked_partition import ParkedPartition
from projectors.stores.redis_parked import RedisParked
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decode, Sorting
from projectors.stores.store import NotCommitted, Parked, Place

END = 2**63
"""Behind every offset."""
PATIENT_TRIES = 3
"""So often a retry lets workers that park be ahead; then it holds them back."""
TURN_SECONDS = 3.0
"""So long at most, should it be killed."""
Counts = tuple[int, int]
"""How many times records of a partition were taken out, and how many were parked, as its position has them."""


class RedisRedrive:
    """The parked records of a projection in Redis, of the generation that serves or of the one that is being filled.
    ``actor`` stands in the audit trail.
    """

    def __init__(
        self,
        redis: Redis,
        pool: asyncpg.Pool,
        projection: Projection,
        decode: Decode,
        actor: str,
        *,
        rebuilding: int | None = None,
    ) -> None:
        self._redis = redis
        self._pool = pool
        self._store = RedisStore(redis, pool, projection, decode, rebuilding=rebuilding)
        self._projection = projection
        self._decode = decode
        self._actor = actor
        self._places: list[Place] = []
        self._listed: dict[int, Counts] = {}
        self._overtaken = 0

    async def load(self) -> list[int]:
        """Find the generation; gives the partitions. Raises what ``Redrive`` names."""
        self._listed = {}
        return sorted((await self._store.load([])).standings)

    async def retry(self, partition: int, after: int, key: str | None, held: frozenset[str]) -> Portion | None:
        """Try the next portion; see ``Redrive``. Workers wait for one that was overtaken a few times."""
        if self._overtaken < PATIENT_TRIES:
            return await self._try(partition, after, key, held)
        turn = names.retrying_key(self._projection.name)
        await self._redis.set(turn, 1, px=int(TURN_SECONDS * 1000))
        try:
            return await self._try(partition, after, key, held)
        finally:
            await self._redis.delete(turn)

    async def _try(self, partition: int, after: int, key: str | None, held: frozenset[str]) -> Portion | None:
        counts = await self._counts(partition)  # before the records: if some come or go in between, these refuse ours
        parked = await self._next(partition, after, key, counts)
        if not parked:
            return None
        sorting = sorted_again(parked, held, self._decode, self._store.voided)
        queue = ParkedPartition(self._projection.name, self._store.generation, self._projection.topic, partition)
        trying = {"trying": [one.record.offset for one in parked]}
        void = [one for one in parked if one.at in self._store.voided]
        async with self._pool.acquire() as connection, connection.transaction():
            row = await audit(connection, self._actor, "retry", queue, trying)
            drops = await audit_drops(connection, queue, void, self._store.voided)
        try:
            await self._apply(sorting, parked, counts, partition)
        except NotCommitted:
            self._overtaken += 1
            async with self._pool.acquire() as connection:
                await unaudit(connection, [row, *drops])
            raise
        self._overtaken = 0
        portion = portion_of(parked, sorting, self._store.voided)
        if portion.done or portion.dropped:
            self._listed[partition] = counts[0] + 1, counts[1]
        async with self._pool.acquire() as connection:
            if portion.done or portion.dropped or portion.failed:
                await audit_outcome(connection, row, portion.outcome())
            else:
                await unaudit(connection, [row])
        return portion

    async def _counts(self, partition: int) -> Counts:
        position = orjson.loads(await self._redis.hget(f"{self._prefix}pos", str(partition)) or b"{}")
        return position.get("unparked", 0), position.get("parkings", 0)

    async def _next(self, partition: int, after: int, key: str | None, counts: Counts) -> list[Parked]:
        records = RedisParked(self._redis, self._prefix)
        if self._listed.get(partition) != counts:
            self._places = await records.places()
            self._listed = {partition: counts}
        first, end = (bisect_right(self._places, (partition, offset)) for offset in (after, END))
        parked: list[Parked] = []
        async for one in records.among(self._places[first:end], key):
            parked.append(one)
            if len(parked) == PORTION:
                break
        return parked

    async def _apply(self, sorting: Sorting, parked: list[Parked], counts: Counts, partition: int) -> None:
        def around() -> dict[str, Any]:
            portion = portion_of(parked, sorting, self._store.voided)
            return {
                "retry": {
                    "partition": str(partition),
                    "unparked": counts[0],
                    "parkings": counts[1],
                    "done": [names.parked_field(one) for one in (*portion.done, *portion.dropped)],
                    "failed": [names.parked_pair(one) for one in portion.failed],
                }
            }

        await self._store.apply_with(sorting, around)

    @property
    def _prefix(self) -> str:
        return names.prefix(self._projection.name, self._store.generation)

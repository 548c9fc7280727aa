"""The parked records of a generation in Redis, read in log order, so many at a time.

Each answer is bounded: whoever reads them holds a projection up.
"""

from bisect import bisect_right
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from redis.asyncio import Redis

from projectors.stores import redis_keys as names
from projectors.stores.redis_answer import answered
from projectors.stores.store import Parked, Place

AT_ONCE = 1_000
"""Records of one answer: each has its value with it."""


class RedisParked:
    """The hash of a generation whose keys begin with ``prefix``."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}parked"

    async def places(self) -> list[Place]:
        """Where each parked record lies in the log, in log order."""
        return sorted(map(names.place_of_field, await answered(self._redis.hkeys(self._key))))

    async def at(self, places: Sequence[Place]) -> list[Parked]:
        """The records at these places, in log order, without those that are parked no more."""
        fields = [names.field_of_place(place) for place in places]
        rows = await answered(self._redis.hmget(self._key, fields)) if fields else []
        return names.in_log_order(row for row in rows if row is not None)

    async def among(self, places: Sequence[Place], key: str | None) -> AsyncIterator[Parked]:
        """The records at these places, of one key or of all."""
        for first in range(0, len(places), AT_ONCE):
            for one in await self.at(places[first : first + AT_ONCE]):
                if key in (None, one.key):
                    yield one

    async def keys(self) -> frozenset[str]:
        """Keys behind which further records queue."""
        found, cursor = set[str](), -1
        while cursor != 0:
            answer: Any = await answered(self._redis.hscan(self._key, max(cursor, 0), count=AT_ONCE))
            cursor, rows = answer
            found.update(map(names.parked_key, rows.values()))
        return frozenset(found)

    async def count(self) -> int:
        """How many records are parked."""
        return int(await answered(self._redis.hlen(self._key)))


class RedisUncopied:
    """Those that are not in the dead letter topic yet. Their places are read once for all, and again at their end."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self.prefix = prefix
        """Of the generation's keys."""
        self._parked = RedisParked(redis, prefix)
        self._key = f"{prefix}uncopied"
        self._places: list[Place] = []

    async def first(self, limit: int, partitions: Collection[int]) -> list[Parked]:
        """So many of these partitions, in log order."""
        if not self._places:
            self._places = sorted(map(names.place_of_field, await answered(self._redis.smembers(self._key))))
        self._places = [place for place in self._places if place[0] in partitions]
        while self._places:
            if found := await self._parked.at(self._places[:limit]):
                return found
            self._places = self._places[limit:]  # retried or dropped since they were listed
        return []

    async def mark(self, records: Sequence[Parked]) -> None:
        """Remember that these, which ``first`` gave, are there."""
        await answered(self._redis.srem(self._key, *map(names.parked_field, records)))
        self._places = self._places[bisect_right(self._places, records[-1].at) :]

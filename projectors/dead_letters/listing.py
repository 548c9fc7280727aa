"""What is parked in the serving generations, for operators: found, and told as a line or as JSON."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import asyncpg
from redis.asyncio import Redis

from infra import parked_told
from projectors.projection import Projection
from projectors.stores import parked_rows
from projectors.stores import redis_keys as names
from projectors.stores.redis_parked import RedisParked
from projectors.stores.store import BEFORE_ALL, Parked, Place
from projectors.stores.voids import Void, voids_of

PAGE = 500
"""Records of one answer of the store: each has its value with it."""

T = TypeVar("T")


class DeadLetter(NamedTuple):
    """A parked record, and the projection that parked it."""

    projection: str
    parked: Parked

    @property
    def cursor(self) -> str:
        """Projection, partition and offset."""
        return f"{self.projection} {self.parked.record.partition}@{self.parked.record.offset}"

    def line(self) -> str:
        """In one line."""
        return parked_told.line(self.projection, self.parked)

    def described(self) -> dict[str, Any]:
        """As JSON, without its content."""
        return {"projection": self.projection, **parked_told.described(self.parked)}

    def whole(self) -> dict[str, Any]:
        """As JSON, with headers and value as text."""
        return {"projection": self.projection, **parked_told.whole(self.parked)}


async def dead_letters(
    pool: asyncpg.Pool, redis: Redis, projection: Projection, key: str | None = None, after: Place = BEFORE_ALL
) -> AsyncIterator[DeadLetter]:
    """The parked records of a projection behind a place, of one key or of all, in log order by partition."""
    if projection.store == "redis":
        records = await _in_redis(redis, projection)
        places = await records.places()
        async for parked in records.among(places[bisect_right(places, after) :], key):
            yield DeadLetter(projection.name, parked)
        return
    page: list[Parked] = []
    where = projection.name, projection.topic, key
    while page := await _asked(pool, page, parked_rows.page, *where, after, PAGE):
        for parked in page:
            yield DeadLetter(projection.name, parked)
        after, page = (page[-1].record.partition, page[-1].record.offset), []


async def dead_letter(pool: asyncpg.Pool, redis: Redis, projection: Projection, place: Place) -> DeadLetter | None:
    """The record that is parked at a place, if one is."""
    found = await parked_among(pool, redis, projection, [place])
    return DeadLetter(projection.name, found[0]) if found else None


async def parked_among(
    pool: asyncpg.Pool, redis: Redis, projection: Projection, places: Sequence[Place]
) -> list[Parked]:
    """The records that are parked at some of these places."""
    if projection.store == "redis":
        return [one async for one in (await _in_redis(redis, projection)).among(places, None)]
    none: list[Parked] = []
    return await _asked(pool, none, parked_rows.among, projection.name, projection.topic, places)


async def count_dead_letters(pool: asyncpg.Pool, redis: Redis, projection: Projection, key: str | None = None) -> int:
    """How many records a projection has parked, of one key or of all."""
    if projection.store != "redis":
        return await _asked(pool, 0, parked_rows.count, projection.name, key)
    records = await _in_redis(redis, projection)
    if key is None:
        return await records.count()
    return len([one async for one in records.among(await records.places(), key)])


class DroppedLetter(NamedTuple):
    """A record that was given up for a projection."""

    projection: str
    place: str
    void: Void

    @property
    def cursor(self) -> str:
        """Projection, partition and offset."""
        return f"{self.projection} {self.place.rpartition('/')[2]}"

    def line(self) -> str:
        """In one line."""
        key, reason, actor, at = self.void
        return f"{self.projection}  {self.place}  {key}  dropped  by {actor} at {at:%Y-%m-%d %H:%M}  {reason}"

    def described(self) -> dict[str, Any]:
        """As JSON."""
        key, reason, actor, at = self.void
        dropped = {"reason": reason, "actor": actor, "at": at.isoformat(timespec="milliseconds")}
        return {"projection": self.projection, "place": self.place, "key": key, "code": "dropped", **dropped}


async def dropped_letters(
    pool: asyncpg.Pool, projection: Projection, key: str | None = None, after: Place = BEFORE_ALL
) -> AsyncIterator[DroppedLetter]:
    """What was given up for a projection behind a place, of one key or of all, in log order by partition."""
    for (partition, offset), void in (await _voids(pool, projection, key)).items():
        if (partition, offset) > after:
            yield DroppedLetter(projection.name, f"{projection.topic}/{partition}@{offset}", void)


async def count_dropped_letters(pool: asyncpg.Pool, projection: Projection, key: str | None = None) -> int:
    """How many records were given up for a projection, of one key or of all."""
    return len(await _voids(pool, projection, key))


async def _voids(pool: asyncpg.Pool, projection: Projection, key: str | None) -> dict[Place, Void]:
    async with pool.acquire() as connection:
        voids = await voids_of(connection, projection)
    return {place: void for place, void in voids.items() if key in (None, void.key)}


async def _in_redis(redis: Redis, projection: Projection) -> RedisParked:
    serving = int(await redis.get(names.active_key(projection.name)) or 0)
    return RedisParked(redis, names.prefix(projection.name, serving))


async def _asked(pool: asyncpg.Pool, nothing: T, ask: Callable[..., Awaitable[T]], *args: Any) -> T:
    async with pool.acquire() as connection:
        try:
            return await ask(connection, *args)
        except asyncpg.UndefinedTableError:
            return nothing  # no projector has ever run here

"""Generations of a projection in Redis, each below a prefix of its own: found, counted, dropped."""

from collections import Counter

from redis.asyncio import Redis

from projectors.projection import Projection
from projectors.stores import redis_keys as names

OWN = {"pos", "parked", "uncopied"}
"""Keys of the engine, which are no rows."""


async def known_generations(redis: Redis, projection: Projection) -> set[int]:
    """Those that have positions."""
    return {int(key.split(b":")[1]) async for key in redis.scan_iter(match=f"{projection.name}:*:pos", count=1_000)}


async def drop_generation(redis: Redis, projection: Projection, generation: int) -> None:
    """Remove all its keys."""
    prefix = names.prefix(projection.name, generation)
    await redis.unlink(f"{prefix}pos")  # first: without positions, what a kill leaves is not gone on from
    async for key in redis.scan_iter(match=f"{prefix}*", count=1_000):
        await redis.unlink(key)


async def families(redis: Redis, projection: Projection, generation: int) -> dict[str, int]:
    """Keys of each family, without positions and parked records."""
    prefix = names.prefix(projection.name, generation)
    found = Counter(dict.fromkeys(projection.tables, 0))
    async for key in redis.scan_iter(match=f"{prefix}*", count=1_000):
        rest = key.decode().removeprefix(prefix)
        if rest not in OWN:
            found[next((one for one in projection.tables if rest.startswith(one)), rest)] += 1
    return dict(found)

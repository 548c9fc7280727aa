"""Where the parked records of a projection are retried."""

import asyncpg
from redis.asyncio import Redis

from projectors.dead_letters.redrive_postgres import PostgresRedrive
from projectors.dead_letters.redrive_redis import RedisRedrive
from projectors.projection import Projection
from projectors.stores.sorting import Decode


def redrive_of(
    pool: asyncpg.Pool,
    redis: Redis,
    projection: Projection,
    decode: Decode,
    actor: str,
    *,
    rebuilding: int | None = None,
) -> PostgresRedrive | RedisRedrive:
    """The parked records of a projection, to be retried by ``actor``: those of the generation that serves, or of
    one that a rebuild fills.
    """
    if projection.store == "redis":
        return RedisRedrive(redis, pool, projection, decode, actor, rebuilding=rebuilding)
    return PostgresRedrive(pool, projection, decode, actor, rebuilding=rebuilding)

"""Where the parked records of a projection are retried."""

import asyncpg
from redis.asyncio import Redis

from projectors.projection import Projection
from projectors.redrive_postgres import PostgresRedrive
from projectors.redrive_redis import RedisRedrive
from projectors.sorting import Decode


def redrive_of(
    pool: asyncpg.Pool, redis: Redis, projection: Projection, decode: Decode, actor: str
) -> PostgresRedrive | RedisRedrive:
    """The parked records of a projection, to be retried by ``actor``."""
    if projection.store == "redis":
        return RedisRedrive(redis, pool, projection, decode, actor)
    return PostgresRedrive(pool, projection, decode, actor)

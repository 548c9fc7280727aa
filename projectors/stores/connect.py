"""Connections to PostgreSQL and Redis, and the store of a projection over them."""

import asyncpg
from redis.asyncio import Redis

from infra.redis_client import redis_client
from infra.settings import Settings
from projectors.projection import Bulk, Projection
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decode

POSTGRES_SETTINGS = {
    "application_name": "stockroom projectors",
    "jit": "off",
    "synchronous_commit": "off",
}
"""Rows and positions are lost together when PostgreSQL crashes, and read again: no commit has to wait for the disk."""


HELD_SECONDS = 5
"""So long a worker that stands still in the middle of a commit keeps its partitions from those who take over."""


def connect_postgres(settings: Settings, connections: int = 10, held_seconds: int = 0) -> asyncpg.Pool:
    """A pool that connects when first used; wait for `async with` on it.

    The server ends a transaction in which nothing happens for ``held_seconds``; 0: never.
    """
    bounded = {**POSTGRES_SETTINGS, "idle_in_transaction_session_timeout": f"{held_seconds}s"}
    return asyncpg.create_pool(
        settings.dsn, min_size=0, max_size=connections, command_timeout=60, server_settings=bounded
    )


def connect_redis(settings: Settings) -> Redis:
    """A client that connects when first used; to be closed with `aclose`.

    It has no socket time-out, since with one it loses a cancellation now and then (`asyncio.wait_for` of Python 3.11).
    Who asks bounds it: a commit, a load, what is parked, each pass of a rebuild's comparison, a switch, a rollback,
    what streams publish, and readiness are bounded. The keys that a rebuild compares or drops are not: they wait while
    Redis hangs and its connection stays open.
    """
    return redis_client(settings.redis_address, connect_seconds=5, answer_seconds=None)


def store_of(
    pool: asyncpg.Pool,
    redis: Redis,
    projection: Projection,
    decode: Decode,
    *,
    rebuilding: int | None = None,
    bulk: Bulk | None = None,
) -> PostgresStore | RedisStore:
    """The store of a projection, for its active generation or for that which a rebuild fills, by COPY with ``bulk``."""
    if projection.store == "redis":
        return RedisStore(redis, pool, projection, decode, rebuilding=rebuilding)
    return PostgresStore(pool, projection, decode, rebuilding=rebuilding, bulk=bulk)

"""Digests of all that queries can see: each table through its public view, each sorted set that serves."""

import hashlib
from collections.abc import Mapping, Sequence

import asyncpg
from redis.asyncio import Redis

from infra.settings import Settings
from projectors.projection import Projection
from projectors.read_models.registry import PROJECTIONS

# Rows in the order of their text, so that it does not matter in which order they lie.
DIGEST = """
SELECT count(*) AS rows, md5(coalesce(string_agg(md5(line), '' ORDER BY line), '')) AS digest
FROM (SELECT t::text COLLATE "C" AS line FROM {view} t) AS lines
"""

Contents = Mapping[str, tuple[int, str]]


async def contents(settings: Settings, projections: Sequence[Projection] = PROJECTIONS) -> Contents:
    """(rows, digest) of these by table (`stock.levels`) or key family (`top_sellers`)."""
    found: dict[str, tuple[int, str]] = {}
    connection = await asyncpg.connect(settings.dsn)
    try:
        for projection in projections:
            for table in projection.tables if projection.store == "postgres" else ():
                view = f"{projection.public_schema}.{table}"
                row = await connection.fetchrow(DIGEST.format(view=view))
                assert row is not None
                found[view] = (row["rows"], row["digest"])
    finally:
        await connection.close()
    async with Redis.from_url(settings.redis_address, decode_responses=True) as redis:
        for projection in projections:
            if projection.store == "redis":
                found[projection.name] = await _sorted_sets(redis, projection)
    return found


async def _sorted_sets(redis: Redis, projection: Projection) -> tuple[int, str]:
    prefix = f"{projection.name}:{int(await redis.get(f'active:{projection.name}') or 0)}:"
    keys = [str(key) for table in projection.tables for key in await redis.keys(f"{prefix}{table}:*")]
    digest, rows = hashlib.md5(usedforsecurity=False), 0
    for key in sorted(keys):
        members = await redis.zrange(key, 0, -1, withscores=True)
        rows += len(members)
        digest.update(f"{key.removeprefix(prefix)} {sorted(members)}\n".encode())
    return rows, digest.hexdigest()

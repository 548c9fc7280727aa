"""What a void does to a serving generation: its parked row goes, and what queued behind it for its key is retried."""

from collections.abc import Sequence

import asyncpg
from redis.asyncio import Redis

from projectors.dead_letters.listing import parked_among
from projectors.dead_letters.redrive import retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.projection import Projection
from projectors.stores.sorting import Decoder
from projectors.stores.store import NotCommitted, RebuildNeeded, StoreDamaged
from projectors.stores.voids import voids_of

ACTOR = "system:projectors"


async def take_effect(pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]) -> None:
    """Drop what is parked and void, and retry those keys. One that needs a rebuild has it left for that, and one whose
    tables nobody has made yet, as in a database that is new beside an old Redis, for the next time.
    """
    for projection in projections:
        async with pool.acquire() as connection:
            voids = await voids_of(connection, projection)
        keys = {one.key for one in await parked_among(pool, redis, projection, list(voids))} if voids else set()
        for key in sorted(keys):
            try:
                await retry(redrive_of(pool, redis, projection, Decoder(0), ACTOR), key)
            except (RebuildNeeded, StoreDamaged, NotCommitted):
                break

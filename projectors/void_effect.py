"""What a void does to a serving generation: its parked row goes, and what queued behind it for its key is retried."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import asyncpg
from redis.asyncio import Redis

from infra.log_batch import LogBroken
from infra.settings import Settings
from projectors.back_off import until_there
from projectors.dead_letter_list import parked_among
from projectors.engine import Engine, redrive_of
from projectors.projection import Projection
from projectors.redrive import retry
from projectors.sorting import Decoder
from projectors.store import NotCommitted, RebuildNeeded, StoreDamaged
from projectors.voided import voids_of
from projectors.voids_known import voids_known

ACTOR = "system:projectors"
EVERY_SECONDS = 1.0


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


async def project(settings: Settings, engine: Engine) -> None:
    """Run an engine once all voids are known that the log has, and let new ones take effect, until cancelled. Where
    they cannot be known without a person, the others run with those that are.
    """
    with suppress(RebuildNeeded, LogBroken):  # the read model of voids itself tells of it
        await voids_known(settings.bootstrap_servers, engine.pool)
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        group.create_task(_follow(engine))


async def _follow(engine: Engine) -> None:
    while True:
        await until_there("voided records", partial(take_effect, engine.pool, engine.redis, engine.projections))
        await asyncio.sleep(EVERY_SECONDS)

"""Makes known what operators have given up, before anything is read that it may be about."""

import asyncio
from functools import partial

import asyncpg

from event_schemas.topics import OPERATIONS
from infra.log_reader import LogReader, Position
from projectors.back_off import until_there
from projectors.log_ends import LogEnds
from projectors.postgres_store import PostgresStore
from projectors.sorting import Decoder
from projectors.store import NotCommitted
from projectors.voided import PROJECTION

AGAIN_SECONDS = 0.02


async def voids_known(bootstrap_servers: str, pool: asyncpg.Pool) -> None:
    """Bring the read model of voided records to the end that its topic has by now, beside any worker.

    Waits while Kafka or PostgreSQL is away. Raises ``RebuildNeeded`` when other code made its tables.
    """
    ends = LogEnds(bootstrap_servers, [OPERATIONS.name])
    watching = asyncio.create_task(ends.run())
    try:
        await until_there("voided records", partial(_follow, bootstrap_servers, pool, ends))
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _follow(bootstrap_servers: str, pool: asyncpg.Pool, ends: LogEnds) -> None:
    goal = {(OPERATIONS.name, number): end for number, end in (await ends.fresh(OPERATIONS.name)).items()}
    partitions = sorted(number for _, number in goal)
    store = PostgresStore(pool, PROJECTION, Decoder(0))
    await store.prepare(partitions)
    while True:
        loaded = await store.load(partitions)
        places: dict[tuple[str, int], Position] = {
            (OPERATIONS.name, number): loaded.standings[number].position for number in partitions
        }
        if all(places[place].next_offset >= end for place, end in goal.items()):
            return
        try:
            async with LogReader(bootstrap_servers, places, fetch_max_wait_ms=50) as reader:
                parked = loaded.parked
                async for batch in reader.until(goal):
                    parked = parked.after(await store.commit([batch], parked))
        except NotCommitted:
            await asyncio.sleep(AGAIN_SECONDS)  # a worker follows the topic too

"""Makes known what operators have given up, before anything is read that it may be about."""

import asyncio
from functools import partial

import asyncpg
import structlog

from event_schemas.topics import OPERATIONS
from infra.log_batch import Position
from infra.log_reader import LogReader
from infra.reason import reason
from projectors.back_off import until_there
from projectors.log_ends import LogEnds
from projectors.read_models.voided import PROJECTION
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.sorting import Decoder
from projectors.stores.store import NotCommitted

log = structlog.get_logger()

AGAIN_SECONDS = 0.02
SAY_SECONDS = 5.0


class VoidsUnknown(Exception):
    """What operators have given up could not be learnt in time. The message says what was waited for."""

    code = "voids_unknown"


class _Wait:
    """What is waited for at the moment."""

    def __init__(self, ends: LogEnds) -> None:
        self._ends = ends
        self._what = ""

    def on(self, what: str) -> None:
        self._what = what

    def failed(self, error: BaseException) -> None:
        self._what = f"{self._what} ({reason(error)})"

    def __str__(self) -> str:
        return f"Kafka ({self._ends.error})" if self._ends.error else self._what

    async def say(self) -> None:
        while True:
            await asyncio.sleep(SAY_SECONDS)
            log.warning("still waiting to know what was given up", waits_for=str(self))


async def voids_known(bootstrap_servers: str, pool: asyncpg.Pool, patience: float | None = None) -> None:
    """Bring the read model of voided records to the end that its topic has by now, beside any worker.

    Waits while Kafka or PostgreSQL is away, for ``patience`` seconds, or without end, and says what for. Raises
    ``VoidsUnknown`` when that is over, and ``RebuildNeeded`` when other code made its tables.
    """
    ends = LogEnds(bootstrap_servers, [OPERATIONS.name])
    wait = _Wait(ends)
    beside = {asyncio.create_task(ends.run()), asyncio.create_task(wait.say())}
    try:
        async with asyncio.timeout(patience):
            await until_there("voided records", partial(_follow, bootstrap_servers, pool, ends, wait), wait.failed)
    except TimeoutError as error:
        raise VoidsUnknown(f"waited {patience:g} s for {wait}") from error
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)


async def _follow(bootstrap_servers: str, pool: asyncpg.Pool, ends: LogEnds, wait: _Wait) -> None:
    wait.on("Kafka")
    goal = {(OPERATIONS.name, number): end for number, end in (await ends.fresh(OPERATIONS.name)).items()}
    partitions = sorted(number for _, number in goal)
    store = PostgresStore(pool, PROJECTION, Decoder(0))
    wait.on("PostgreSQL")
    await store.prepare(partitions)
    while True:
        loaded = await store.load(partitions)
        places: dict[tuple[str, int], Position] = {
            (OPERATIONS.name, number): loaded.standings[number].position for number in partitions
        }
        if all(places[place].next_offset >= end for place, end in goal.items()):
            return
        wait.on(f"the records of {OPERATIONS.name}")
        try:
            async with LogReader(bootstrap_servers, places, fetch_max_wait_ms=50) as reader:
                parked = loaded.parked
                async for batch in reader.until(goal):
                    parked = parked.after(await store.commit([batch], parked))
        except NotCommitted as error:
            wait.on(str(error))
            await asyncio.sleep(AGAIN_SECONDS)  # a worker follows the topic too

"""Poison at scale: broken code parks events of a long log, a retry with sound code applies them, and nothing differs.

The log is sound. Of its events some cannot be decoded by the broken code and some make its `apply` fail, in turn and
spread over all keys, so the same log read by sound code is the clean run. Parking and retry are the product's own.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from redis.asyncio import Redis

from benchmarks.contents import Contents, contents
from benchmarks.figures import Figure, Section
from benchmarks.projections_extent import Extent
from benchmarks.projections_log import Filled, filled_log
from event_schemas.codec import UnknownEventType
from event_schemas.record import LogRecord, Recorded, recorded
from event_schemas.topics import ORDERS
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import Settings
from projectors.dead_letters.listing import dead_letters
from projectors.dead_letters.redrive import retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.projection import Projection
from projectors.read_models import order_history, top_sellers
from projectors.stores.connect import connect_postgres, connect_redis, store_of
from projectors.stores.sorting import Decode
from projectors.stores.store import Place

PROJECTIONS = order_history.PROJECTION, top_sellers.PROJECTION
EVERY = 100
"""One event in so many is poison."""
MAX_RECORDS = 2_000
"""Of a batch, as the engine reads them."""


@dataclass(frozen=True)
class Log:
    """What is in the log, and what of it the broken code cannot take."""

    events: int
    poison: frozenset[Place]
    undecodable: frozenset[Place]
    parked: frozenset[Place]
    """The poison, and what follows it for its keys."""


async def measure(extent: Extent) -> list[Section]:
    """On servers of its own; see `measured`. Raises `CannotStart` or `StartFailed`."""
    async with filled_log(extent.orders) as filled:
        return await measured(filled)


async def measured(filled: Filled) -> list[Section]:
    """On a log that is there: a section for each store."""
    log, settings = await _chosen(filled.settings), filled.settings
    async with connect_postgres(settings) as pool, connect_redis(settings) as redis:
        return [await _Run(settings, pool, redis, log, one).measured() for one in PROJECTIONS]


class _Run:
    """One projection under three names: read by broken code and retried, read by sound code, and without the parked."""

    def __init__(self, settings: Settings, pool: asyncpg.Pool, redis: Redis, log: Log, projection: Projection) -> None:
        self._settings, self._pool, self._redis, self._log, self._projection = settings, pool, redis, log, projection

    async def measured(self) -> Section:
        """Everything of this projection."""
        log = self._log
        clean, others, poisoned = (self._named(name) for name in ("clean", "others", "poisoned"))
        clean_seconds = await self._follow(clean, recorded)
        without = _applying(others, lambda events: [one for one in events if _place(one) not in log.parked])
        await self._follow(without, recorded)
        poisoned_seconds = await self._follow(_applying(poisoned, self._sound_only), self._decode)
        parked = {letter.parked.at async for letter in dead_letters(self._pool, self._redis, poisoned)}
        meanwhile = await self._contents(poisoned)
        began = time.monotonic()
        done = await retry(redrive_of(self._pool, self._redis, poisoned, recorded, "system:benchmark"))
        retry_seconds = time.monotonic() - began
        return Section(
            f"{self._projection.name} ({self._projection.store}): {len(log.poison):,} poison events among "
            f"{log.events:,}, {len(log.undecodable):,} of them undecodable",
            [
                Figure("read by sound code", round(log.events / clean_seconds), "events/s"),
                Figure("read by the broken code", round(log.events / poisoned_seconds), "events/s"),
                Figure("that takes so many times as long", round(poisoned_seconds / clean_seconds, 2), "×"),
                Figure("parked, with what follows for the same keys", len(parked)),
                Figure("exactly those are parked", parked == log.parked),
                Figure("all other keys are as without these events", meanwhile == await self._contents(others)),
                Figure("retried by sound code", round(retry_seconds, 1), "s"),
                Figure("that is", round(done.done / retry_seconds), "events/s"),
                Figure("all of them are applied, in one retry", tuple(done[:3]) == (len(log.parked), 0, 0)),
                Figure("then all is as if there had been no poison", await self._same(poisoned, clean)),
                Figure("rows of it", sum(rows for rows, _ in (await self._contents(clean)).values())),
            ],
        )

    async def _same(self, one: Projection, other: Projection) -> bool:
        return await self._contents(one) == await self._contents(other)

    async def _contents(self, projection: Projection) -> Contents:
        """By table, whatever the projection's name."""
        found = await contents(self._settings, [projection])
        return {name.rpartition(".")[2] if "." in name else "": one for name, one in found.items()}

    def _named(self, name: str) -> Projection:
        whole = f"{name}_{self._projection.name}"
        public = f"{whole}_shown" if self._projection.public_schema else ""
        return self._projection._replace(name=whole, public_schema=public)

    async def _follow(self, projection: Projection, decode: Decode) -> float:
        """Read the whole log as a worker does; gives the seconds."""
        store = store_of(self._pool, self._redis, projection, decode)
        partitions = list(range(self._settings.partitions))
        await store.prepare(partitions)
        loaded = await store.load(partitions)
        places = {(ORDERS.name, number): one.position for number, one in loaded.standings.items()}
        parked = loaded.parked
        began = time.monotonic()
        async with LogReader(self._settings.bootstrap_servers, places) as reader:
            async for batch in reader.until(await reader.ends(), max_records=MAX_RECORDS):
                parked = parked.after(await store.commit([batch], parked))
        return time.monotonic() - began

    def _decode(self, record: LogRecord) -> Recorded:
        if (record.partition, record.offset) in self._log.undecodable:
            raise UnknownEventType("the broken code does not know this type")
        return recorded(record)

    def _sound_only(self, events: Sequence[Recorded]) -> Sequence[Recorded]:
        if any(_place(one) in self._log.poison for one in events):
            raise ValueError("the broken code cannot apply this")
        return events


def _applying(projection: Projection, before: Callable[[Sequence[Recorded]], Sequence[Recorded]]) -> Projection:
    apply = cast(Any, projection.apply)
    return projection._replace(apply=lambda events: apply(before(events)))


def _place(event: Recorded) -> Place:
    return event.partition, event.offset


async def _chosen(settings: Settings) -> Log:
    """One event in ``EVERY``, those that cannot be decoded and those that cannot be applied in turn."""
    chosen: list[Place] = []
    parked: set[Place] = set()
    keys: set[bytes | None] = set()
    seen = 0
    starts = {(ORDERS.name, number): START for number in range(settings.partitions)}
    async with LogReader(settings.bootstrap_servers, starts) as reader:
        async for batch in reader.until(await reader.ends()):
            for record in batch.records:
                if seen % EVERY == EVERY // 2:
                    chosen.append((record.partition, record.offset))
                    keys.add(record.key)
                if record.key in keys:
                    parked.add((record.partition, record.offset))
                seen += 1
    return Log(seen, frozenset(chosen), frozenset(chosen[::2]), frozenset(parked))

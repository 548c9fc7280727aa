"""Rebuilds projections blue/green: a new generation is filled from the log beside the serving one, catches up, and
takes over in one atomic switch. The generation before stays; a rebuild that was killed, or that lost a server, goes on
where it stopped.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import asyncpg
from redis.asyncio import Redis

from infra.reason import reason
from infra.settings import Settings
from projectors.back_off import AWAY, until_there
from projectors.dead_letters.redrive_of import redrive_of
from projectors.log_ends import LogEnds
from projectors.projection import Projection
from projectors.rebuilds.bulk_group import BulkGroup, Joined
from projectors.rebuilds.compare import Comparison, refusal
from projectors.rebuilds.fill import Filler, Member
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.in_redis import RedisTarget
from projectors.rebuilds.lost import LOST
from projectors.rebuilds.options import DEFAULTS, RebuildOptions
from projectors.rebuilds.progress import Task
from projectors.rebuilds.report import Report
from projectors.rebuilds.row import Begun, RebuildRefused, begin, only_one, serves_already
from projectors.rebuilds.turn import Turn
from projectors.rebuilds.voided_since import take_over
from projectors.stores.connect import store_of
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decode

RIGHT_SECONDS = 5.0
"""So long after a lost connection PostgreSQL may take to free the right that it held."""
CLOSE_SECONDS = 5.0


class Rebuild:
    """The rebuild of one projection. Owns no connection but the one on which it holds its right."""

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        redis: Redis,
        projection: Projection,
        options: RebuildOptions = DEFAULTS,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._redis = redis
        self._projection = projection
        self._options = options
        self._begun: Begun | None = None
        self._switching: tuple[Comparison, int] | None = None
        """What was compared, and the keys parked, once it may have switched."""

    async def run(self, decode: Decode, ends: LogEnds, task: Task, group: BulkGroup) -> Report:
        """Fill with the group, index, catch up, compare, switch, drop what is older. When a server goes away it is
        waited for, the right to rebuild is taken again, and it goes on where the row and the positions say.

        Raises ``RebuildStopped`` or ``LogBroken``. Once it has switched it is done: what ends it then, be it a
        cancellation, is a remark of the report.
        """
        name, started = self._projection.name, time.monotonic()

        def lost(error: BaseException) -> None:
            task.says(f"{reason(error)}; it waits, and goes on")

        async def turn() -> Report:
            return await self._turn(decode, ends, task, group, started)

        try:
            return await until_there(f"rebuild of {name}", turn, lost, LOST)
        except (Exception, asyncio.CancelledError) as error:
            if not await self._has_switched():
                raise
            return self._report(task, started, {}, error)
        finally:
            group.leave(name)

    async def _turn(self, decode: Decode, ends: LogEnds, task: Task, group: BulkGroup, started: float) -> Report:
        projection, settings = self._projection, self._settings
        partitions = await ends.partitions(projection.topic)
        connection = await until_there("PostgreSQL", lambda: asyncpg.connect(settings.dsn))
        try:
            before = self._begun
            begun, switched = await self._begin(connection, partitions)
            store, bulk = (
                store_of(self._pool, self._redis, projection, decode, rebuilding=begun.filling, bulk=way)
                for way in (None, begun.bulk)
            )
            target: PostgresTarget | RedisTarget
            if isinstance(store, RedisStore):
                target = RedisTarget(self._redis, connection, projection, begun, store)
            else:
                target = PostgresTarget(settings.dsn, connection, projection, begun, store)
            if not switched:
                member = Member(store, task.advanced)
                filler = Filler(settings.bootstrap_servers, projection.topic, self._pool, [member], limit=group.limit)
                await target.start()
                task.begin(begun.filling, begun.resumed)
                if before and before.filling != begun.filling:
                    task.says(
                        f"generation {before.filling} has what was dropped since: filling {begun.filling} instead"
                    )
                redrive = redrive_of(
                    self._pool, self._redis, projection, decode, self._options.actor, rebuilding=begun.filling
                )
                turn = Turn(projection.topic, target, store, redrive, filler, partitions, ends, task)
                await turn.fill(group, Joined(projection, begun, Member(bulk, task.advanced)))
                accept = self._options.accept
                compared = await turn.compare(patient=not accept and begun.serving_version == projection.version)
                if compared.refuses and not accept:
                    raise refusal(projection.name, compared)
                self._switching = compared, 0
                self._switching = compared, await turn.switch(compared, self._options.actor)
            await target.drop_older()
            return self._report(task, started, await target.rows())
        finally:
            with suppress(*AWAY):
                await connection.close(timeout=CLOSE_SECONDS)

    async def _has_switched(self) -> bool:
        """Whether what was filled serves, as far as PostgreSQL can be asked."""
        if self._switching is not None and self._begun is not None:
            with suppress(*AWAY, RebuildRefused):
                async with asyncio.timeout(CLOSE_SECONDS), self._pool.acquire() as connection:
                    return await serves_already(connection, self._projection.name, self._begun.filling)
        return False

    def _report(
        self, task: Task, started: float, rows: Mapping[str, int], ended_by: BaseException | None = None
    ) -> Report:
        assert self._begun is not None
        assert self._switching is not None
        (compared, parked), seconds = self._switching, time.monotonic() - started
        why = "cancelled" if isinstance(ended_by, asyncio.CancelledError) else ended_by and reason(ended_by)
        remark = f"what is older may be left to the next rebuild, and rows are not counted ({why})" if why else ""
        return Report(self._projection.name, self._begun.filling, task.done, seconds, rows, parked, compared, remark)

    async def _begin(self, connection: asyncpg.Connection, partitions: Sequence[int]) -> tuple[Begun, bool]:
        """What is filled, and whether a switch has come about whose answer was lost with the connection."""
        name, before = self._projection.name, self._begun
        await only_one(connection, name, RIGHT_SECONDS if before else 0.0)
        if before and await serves_already(connection, name, before.filling):
            if self._switching is None:
                raise RebuildRefused(f"{name}: another rebuild went on with it, and switched")
            return before, True
        if before:
            await take_over(connection, self._projection, before)
        self._begun = await begin(connection, self._projection, partitions, anew=self._options.anew and not before)
        return self._begun, False

"""Rebuilds projections blue/green: a new generation is filled from the log beside the serving one, catches up, and
takes over in one atomic switch. The generation before stays; a rebuild that was killed goes on where it stopped.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import asyncpg
from redis.asyncio import Redis

from infra.log_reader import LogReader
from infra.settings import Settings
from projectors.back_off import until_there
from projectors.bulk_group import BulkGroup, Joined
from projectors.engine import store_of
from projectors.log_ends import LogEnds
from projectors.postgres_store import PostgresStore
from projectors.projection import Projection
from projectors.rebuild_compare import Different
from projectors.rebuild_fill import Filler, Member
from projectors.rebuild_options import DEFAULTS, RebuildOptions
from projectors.rebuild_postgres import SWITCH_AGAIN, PostgresTarget
from projectors.rebuild_progress import Task
from projectors.rebuild_redis import RedisTarget
from projectors.rebuild_report import Report
from projectors.rebuild_row import begin, only_one
from projectors.redis_store import RedisStore
from projectors.sorting import Decode
from projectors.store import ParkedKeys

NEAR = 1_000
"""So many events behind, the rest is read while the live engine is held back."""

T = TypeVar("T")


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

    async def run(self, decode: Decode, ends: LogEnds, task: Task, group: BulkGroup) -> Report:
        """Fill with the group, index, catch up, compare, switch, drop what is older.

        Raises ``RebuildRefused`` or ``LogBroken``.
        """
        partitions = await ends.partitions(self._projection.topic)
        connection = await until_there("PostgreSQL", lambda: asyncpg.connect(self._settings.dsn))
        try:
            await only_one(connection, self._projection.name)
            begun = await begin(connection, self._projection, partitions, anew=self._options.anew)
            store = store_of(self._pool, self._redis, self._projection, decode, rebuilding=begun.filling)
            bulk = store_of(
                self._pool, self._redis, self._projection, decode, rebuilding=begun.filling, bulk=begun.bulk
            )
            joining = Joined(self._projection, begun, Member(bulk, task.advanced))
            return await self._fill(connection, joining, store, partitions, ends, task, group)
        finally:
            group.leave(self._projection.name)
            await connection.close()

    async def _fill(
        self,
        connection: asyncpg.Connection,
        joining: Joined,
        store: PostgresStore | RedisStore,
        partitions: Sequence[int],
        ends: LogEnds,
        task: Task,
        group: BulkGroup,
    ) -> Report:
        started, begun = time.monotonic(), joining.begun
        topic = self._projection.topic
        target: PostgresTarget | RedisTarget
        if isinstance(store, RedisStore):
            target = RedisTarget(self._redis, connection, self._projection, begun, store)
        else:
            target = PostgresTarget(self._settings.dsn, connection, self._projection, begun, store)
        await target.start()
        member = Member(store, task.advanced)
        filler = Filler(self._settings.bootstrap_servers, topic, self._pool, [member], limit=group.limit)
        loaded = await until_there("load", lambda: store.load(partitions))
        task.begin(begun.filling, begun.resumed)
        indexed = begun.indexed
        if indexed:
            group.leave(self._projection.name)
        while True:
            goal = await ends.fresh(topic)
            behind = sum(max(0, goal[number] - loaded.standings[number].position.next_offset) for number in partitions)
            task.expect(behind)
            if indexed and behind < NEAR:
                break
            if indexed:
                await filler.fill(goal)
            else:
                await group.fill(joining, goal)
                task.says("making indexes")
                await target.index()
                indexed = True
            loaded = await until_there("load", lambda: store.load(partitions))

        async def caught_up(act: Callable[[LogReader, ParkedKeys], Awaitable[T]]) -> T:
            while True:
                loaded = await until_there("load", lambda: store.load(partitions))
                async with filler.reader(loaded.standings) as reader:
                    try:
                        return await act(reader, loaded.parked)
                    except SWITCH_AGAIN:
                        task.says("queries hold the views, trying again")

        task.says("comparing")
        compared = await caught_up(target.compare)
        accepted = compared.refuses and self._options.accept
        if compared.refuses and not accepted:
            raise Different(self._projection.name, compared)
        await filler.fill(await ends.fresh(topic))
        task.says("switching")
        outcome = {"events": task.done, "accepted": accepted, "compared": compared.described()}
        parked = await caught_up(partial(target.switch, actor=self._options.actor, outcome=outcome))
        await target.drop_older()
        seconds = time.monotonic() - started
        rows = await target.rows()
        return Report(self._projection.name, begun.filling, task.done, seconds, rows, len(parked.keys), compared)

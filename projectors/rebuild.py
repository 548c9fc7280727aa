"""Rebuilds projections blue/green: a new generation is filled from the log beside the serving one, catches up, and
takes over in one atomic switch. The generation before stays; a rebuild that was killed goes on where it stopped.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeVar

import asyncpg
from redis.asyncio import Redis

from event_schemas.topics import OPERATIONS
from infra.cluster import describe
from infra.log_reader import LogBroken, LogReader
from infra.reason import reason
from infra.settings import Settings
from infra.stores_answer import ask_postgres, failing
from projectors.back_off import AWAY, until_there
from projectors.bulk_group import BulkGroup, Joined
from projectors.engine import connect_postgres, connect_redis, store_of
from projectors.log_ends import LogEnds
from projectors.postgres_store import PostgresStore
from projectors.projection import Projection
from projectors.rebuild_compare import Different
from projectors.rebuild_fill import Filler, Member
from projectors.rebuild_options import RebuildOptions
from projectors.rebuild_postgres import SWITCH_AGAIN, PostgresTarget
from projectors.rebuild_progress import Progress, Task
from projectors.rebuild_rate import RateLimit
from projectors.rebuild_redis import RedisTarget
from projectors.rebuild_report import Report
from projectors.rebuild_row import RebuildRefused, SeveralRefused, begin, only_one
from projectors.redis_store import RedisStore
from projectors.sorting import Decode, Decoder
from projectors.store import ParkedKeys, RebuildNeeded
from projectors.voids_known import voids_known

__all__ = ["Rebuild", "RebuildRefused", "Report", "rebuild_all"]

NEAR = 1_000
"""So many events behind, the rest is read while the live engine is held back."""
REMEMBERED = 10_000

T = TypeVar("T")


class Rebuild:
    """The rebuild of one projection. Owns no connection but the one on which it holds its right."""

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        redis: Redis,
        projection: Projection,
        options: RebuildOptions = RebuildOptions(),  # noqa: B008 (a value that never changes)
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


async def all_up(settings: Settings, redis: Redis, topics: Collection[str]) -> None:
    """Raise ``RebuildRefused`` that says which servers do not answer, if any."""
    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "Kafka": partial(describe, settings.bootstrap_servers, sorted(topics)),
        "PostgreSQL": partial(ask_postgres, settings.dsn),
        "Redis": redis.ping,
    }
    answers = zip(asked, await asyncio.gather(*map(failing, asked.values())), strict=True)
    if away := "; ".join(f"{name}: {why}" for name, why in answers if why):
        raise RebuildRefused(f"{away}\nIs it up? ./stockroom status")


async def _voids_known(settings: Settings, pool: asyncpg.Pool, topics: Collection[str]) -> None:
    if topics == {OPERATIONS.name}:
        return  # nothing of it is ever given up
    try:
        await voids_known(settings.bootstrap_servers, pool)
    except RebuildNeeded as error:
        raise RebuildRefused(f"What was dropped from the others is not known: {error}") from error


async def rebuild_all(
    settings: Settings,
    projections: Sequence[Projection],
    options: RebuildOptions = RebuildOptions(),  # noqa: B008 (a value that never changes)
    *,
    partitions_in_parallel: int = 1,
    progress: Progress | None = None,
) -> list[Report]:
    """Rebuild several projections side by side, with a progress display; a topic is read and decoded once for all that
    begin together, by ``partitions_in_parallel`` processes, or by one where the rate is limited.

    Raises ``RebuildRefused`` for those that cannot be rebuilt, after the others are done; and at once when a server
    does not answer. One that goes away later is waited for.
    """
    progress = progress or Progress()
    topics = {projection.topic for projection in projections}
    processes = partitions_in_parallel if options.rate is None else 1
    names_of = {topic: [one.name for one in projections if one.topic == topic] for topic in topics}
    decoders = {topic: Decoder(REMEMBERED) for topic in topics}
    ends = LogEnds(settings.bootstrap_servers, topics)
    async with connect_postgres(settings, 4 + 2 * len(projections)) as pool, connect_redis(settings) as redis:
        await all_up(settings, redis, topics | {OPERATIONS.name})
        await _voids_known(settings, pool, topics)
        watching = asyncio.create_task(ends.run())
        try:
            with progress:
                limit, turn = RateLimit(options.rate), asyncio.Lock()
                groups = {
                    topic: BulkGroup(settings, pool, topic, names_of[topic], processes, turn, limit) for topic in topics
                }
                runs = [
                    Rebuild(settings, pool, redis, one, options).run(
                        decoders[one.topic], ends, progress.task(one.name), groups[one.topic]
                    )
                    for one in projections
                ]
                results = await asyncio.gather(*runs, return_exceptions=True)
            reports = [result for result in results if isinstance(result, Report)]
            progress.report(reports)
        finally:
            watching.cancel()
    refusals = [_refusal(result) for result in results if isinstance(result, BaseException)]
    if refusals:
        raise SeveralRefused(refusals) if len(refusals) > 1 else refusals[0]
    return reports


def _refusal(error: BaseException) -> RebuildRefused:
    """Why a rebuild did not come about. What is not foreseen is raised as it is."""
    if isinstance(error, RebuildRefused):
        return error
    if isinstance(error, LogBroken):
        return RebuildRefused(f"{error.code}: {error}")
    if isinstance(error, AWAY):
        why = f"a server went away ({reason(error)})"
        return RebuildRefused(f"{why}. Run the same command again: it goes on where it stopped.")
    raise error

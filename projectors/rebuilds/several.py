"""Several rebuilds of one command, side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

import asyncpg
from redis.asyncio import Redis

from event_schemas.topics import OPERATIONS
from infra.cluster import describe
from infra.log_batch import LogBroken
from infra.reason import reason
from infra.settings import Settings
from infra.stores_answer import ask_postgres, failing
from projectors.back_off import AWAY
from projectors.dead_letters.voids_known import voids_known
from projectors.log_ends import LogEnds
from projectors.projection import Projection
from projectors.rebuilds.bulk_group import BulkGroup
from projectors.rebuilds.options import DEFAULTS, RebuildOptions
from projectors.rebuilds.progress import Progress
from projectors.rebuilds.rate import RateLimit
from projectors.rebuilds.rebuild import Rebuild
from projectors.rebuilds.report import Report
from projectors.rebuilds.row import RebuildFailed, RebuildRefused, RebuildStopped, SeveralStopped, damaged
from projectors.stores.connect import connect_postgres, connect_redis
from projectors.stores.sorting import Decoder
from projectors.stores.store import GenerationMoved, NotCommitted, RebuildNeeded, StoreDamaged

REMEMBERED = 10_000
ANSWER_SECONDS = 10.0
"""A person waits for the rebuild anyway, and it may be asked for when everything is busy."""


async def all_up(settings: Settings, redis: Redis, topics: Collection[str]) -> None:
    """Raise ``RebuildFailed`` that says which servers do not answer, if any."""
    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "Kafka": partial(_topics_there, settings.bootstrap_servers, sorted(topics)),
        "PostgreSQL": partial(ask_postgres, settings.dsn),
        "Redis": redis.ping,
    }
    whys = await asyncio.gather(*[failing(ask, ANSWER_SECONDS) for ask in asked.values()])
    if away := "; ".join(f"{name}: {why}" for name, why in zip(asked, whys, strict=True) if why):
        raise RebuildFailed(f"{away}\nIs it up? ./stockroom status")


async def _topics_there(bootstrap_servers: str, topics: Sequence[str]) -> None:
    await describe(bootstrap_servers, topics)
    await describe(bootstrap_servers, [OPERATIONS.name])


async def _voids_known(settings: Settings, pool: asyncpg.Pool, topics: Collection[str]) -> None:
    if topics == {OPERATIONS.name}:
        return  # nothing of it is ever given up
    try:
        await voids_known(settings.bootstrap_servers, pool)
    except (RebuildNeeded, LogBroken) as error:
        raise RebuildRefused(f"What was dropped from the others is not known: {error}") from error


async def rebuild_all(
    settings: Settings,
    projections: Sequence[Projection],
    options: RebuildOptions = DEFAULTS,
    *,
    partitions_in_parallel: int = 1,
    progress: Progress | None = None,
) -> list[Report]:
    """Rebuild several projections side by side, with a progress display; a topic is read and decoded once for all that
    begin together, by ``partitions_in_parallel`` processes, or by one where the rate is limited.

    Raises ``RebuildStopped`` for those that could not be rebuilt, after the others are done; and at once when a server
    does not answer. One that goes away later is waited for.
    """
    progress = progress or Progress()
    topics = {projection.topic for projection in projections}
    processes = partitions_in_parallel if options.rate is None else 1
    names_of = {topic: [one.name for one in projections if one.topic == topic] for topic in topics}
    decoders = {topic: Decoder(REMEMBERED) for topic in topics}
    ends = LogEnds(settings.bootstrap_servers, topics)
    async with connect_postgres(settings, 4 + 2 * len(projections)) as pool, connect_redis(settings) as redis:
        await all_up(settings, redis, topics)
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
                results = await _all_ended(runs)
            reports = [result for result in results if isinstance(result, Report)]
            progress.report(reports)
        finally:
            watching.cancel()
    stopped = [
        _stopped(projection.name, result)
        for projection, result in zip(projections, results, strict=True)
        if isinstance(result, BaseException)
    ]
    if stopped:
        raise SeveralStopped(stopped) if len(stopped) > 1 else stopped[0]
    return reports


async def _all_ended(runs: Iterable[Coroutine[Any, Any, Report]]) -> list[Report | BaseException]:
    """What each ended with. A cancellation goes to all of them, of which those that have switched are done."""
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        return await asyncio.gather(*tasks, return_exceptions=True)
    except asyncio.CancelledError as cancelled:
        return [cancelled if task.cancelled() else task.exception() or task.result() for task in tasks]


def _stopped(projection: str, error: BaseException) -> RebuildStopped:
    """Why a rebuild did not come about. What is not foreseen is raised as it is."""
    if isinstance(error, RebuildStopped):
        return error
    if isinstance(error, LogBroken):
        return RebuildFailed(f"{projection}: {error.code}: {error}")
    if isinstance(error, StoreDamaged):
        return damaged(error)
    if isinstance(error, GenerationMoved):
        return RebuildRefused(f"{error}: another took over")
    if isinstance(error, (*AWAY, NotCommitted)):
        return RebuildFailed(f"{projection}: {reason(error)}. Run the same command again: it goes on where it stopped.")
    raise error

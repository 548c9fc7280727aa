"""What parking and sharing rest on, for each read model: events of different keys commute, and no row belongs to two
partitions, so that workers of different partitions neither wait for each other nor meet in a deadlock.
"""

from collections.abc import Sequence
from itertools import count, cycle
from typing import cast

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from redis.asyncio import Redis

from event_schemas.event import REGISTRY
from event_schemas.record import Recorded
from infra.settings import Settings
from projectors.projection import Projection, RedisCommand
from projectors.read_models.registry import PROJECTIONS
from projectors.stores.redis_keys import prefixed
from tests.projectors.log import Log
from tests.projectors.stories import stories
from tests.projectors.tables import Tables, tables_of
from tests.projectors.tiny import received, tiny

FEW = examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_numbers = count(1)

each = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
each_in_postgres = pytest.mark.parametrize(
    "projection", [one for one in PROJECTIONS if one.store == "postgres"], ids=lambda projection: projection.name
)


@each
def test_the_stories_have_every_type_of_event(projection: Projection) -> None:
    told = {type(one.event) for story in stories(projection.topic, 2) for one in story}
    assert told == {event for event in REGISTRY.values() if event.topic == projection.topic}


@each
@FEW
@given(data=st.data())
async def test_events_of_different_keys_commute(
    projection: Projection, dsn: str, redis: Redis, data: st.DataObject
) -> None:
    told = stories(projection.topic, 3)
    order = data.draw(st.permutations([number for number, story in enumerate(told) for _ in story]))
    waiting = [iter(story) for story in told]
    mixed = [next(waiting[number]) for number in order]
    in_log_order = sorted((one for story in told for one in story), key=lambda one: (one.partition, one.offset))
    sizes = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    assert await filled(projection, dsn, redis, mixed, sizes) == await filled(
        projection, dsn, redis, in_log_order, [len(in_log_order)]
    )


async def filled(
    projection: Projection, dsn: str, redis: Redis, events: Sequence[Recorded], sizes: Sequence[int]
) -> dict[str, list[str]]:
    """All rows after these events in batches of these sizes, over and over."""
    rest, batches = list(events), list[list[Recorded]]()
    for size in cycle(sizes):
        if not rest:
            break
        batches.append(rest[:size])
        del rest[:size]
    if projection.store == "redis":
        return await _in_redis(projection, redis, batches)
    async with tables_of(dsn, projection) as tables:
        for batch in batches:
            await tables.apply(batch)
        return await tables.everything()


async def _in_redis(
    projection: Projection, redis: Redis, batches: Sequence[Sequence[Recorded]]
) -> dict[str, list[str]]:
    prefix = f"commutes:{next(_numbers)}:"
    for batch in batches:
        for command in cast(list[RedisCommand], projection.apply(batch)):
            await redis.eval("return redis.call(unpack(ARGV))", 0, *prefixed(command, prefix))
    keys = sorted([key async for key in redis.scan_iter(match=f"{prefix}*")])
    found = {key.decode().removeprefix(prefix): await redis.zrange(key, 0, -1, withscores=True) for key in keys}
    if keys:
        await redis.delete(*keys)
    return {key: sorted(map(str, members)) for key, members in found.items()}


@each_in_postgres
async def test_no_row_is_written_from_two_partitions(projection: Projection, dsn: str) -> None:
    told = [one for story in stories(projection.topic, 2) for one in story]
    here, there = ([one for one in told if one.partition == partition] for partition in (0, 1))
    assert not await waits(projection, dsn, here, there)


async def test_a_row_that_is_written_from_two_partitions_is_found_out(dsn: str, unique: str) -> None:
    log = Log()
    here, there = (log.add(received("a")[1], partition=partition) for partition in (0, 1))
    assert await waits(tiny(unique, "postgres"), dsn, [here], [there])


async def waits(projection: Projection, dsn: str, here: Sequence[Recorded], there: Sequence[Recorded]) -> bool:
    """Whether events cannot be applied while a transaction has applied the others."""
    async with tables_of(dsn, projection) as tables:
        other = await asyncpg.connect(dsn, server_settings={"lock_timeout": "300ms"})
        try:
            async with tables.connection.transaction():
                await tables.apply(here)
                try:
                    await Tables(other, projection, tables.schema).apply(there)
                except asyncpg.LockNotAvailableError:
                    return True
        finally:
            await other.close()
        return False


@pytest.fixture
def dsn(settings: Settings) -> str:
    return settings.dsn
